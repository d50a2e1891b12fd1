# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    "text",
    [
        'password = "{}"',
        "DB_PASSWORD={}",
        "  password: {}",
        '{{"password": "{}", "port": 1}}',
        "Server=db1;User Id=sa;Password={};Trusted=yes",
        "jdbc:oracle:thin:ada/{}@db1:1521",
        "curl -u ada:{} https://api.quillmere.net",
        "mysql -u root -p{} shop",
        "sshpass -p {} ssh ada@10.0.0.4",
        "machine x login ada password {}",
        "my password is {}.",
        "Mein Passwort lautet {}",
        "la contraseña es {}",
        "мой пароль: {}",
        "我的密码是{}，谢谢",
        "パスワードは{}です",
        "İ: şifre: {}",
        "define('DB_PASSWORD', '{}');",
        'config.set("password", "{}")',
        "Lösenordet: {}",
        "kata sandi saya adalah {}",
        "mật khẩu của tôi là {}",
        "parola mea este {}",
        "the password of my router is {}",
        "the root password on that box is {}",
        "Das Passwort für das WLAN ist {}",
        "la contraseña del wifi es {}",
        "Password - {}",
        "şifrem: {}",
        "รหัสผ่านคือ {}",
    ],
)
def test_a_password_is_told_by_its_name(text: str) -> None:
    assert masked(text.format("Zx81kQ9a")) == text.format("<SECRET>")


@pytest.mark.parametrize(
    "text",
    [
        "clé API : {}",
        "API-Schlüssel: {}",
        "clave de la API: {}",
        "API密钥：{}",
        "APIキーは{}",
        "ключ API: {}",
    ],
)
def test_a_key_is_told_by_its_name_in_other_languages(text: str) -> None:
    assert masked(text.format("8f14e45fceea167a5a36dedd4bea2543")) == text.format("<SECRET>")


def test_a_key_of_32_bytes_in_hexadecimal_is_no_number_of_a_program() -> None:
    assert masked(f"PRIVATE_KEY=0x{'4c0883a69102937d' * 4}") == "PRIVATE_KEY=<SECRET>"


@pytest.mark.parametrize(
    "password", ["&3UfYpx$3v7", "$ROp6i8n81", "fR)Y01No", "V+2TtbZZ(2S", "Kite!42", "Kite42!"]
)
def test_a_password_may_have_signs(password: str) -> None:
    assert masked(f"Hasło: {password} i tyle") == "Hasło: <SECRET> i tyle"


def test_a_value_ends_where_other_arguments_follow() -> None:
    assert masked("connect(user, password=Kite42x)") == "connect(user, password=<SECRET>)"
    assert masked("{user: ada, password: Kite42x}") == "{user: ada, password: <SECRET>}"
    assert masked("?password=Kite42x&user=ada") == "?password=<SECRET>&user=ada"


def test_credentials_of_a_header_are_masked() -> None:
    assert masked("Authorization: Basic YWRhOlp4ODFrUTlh") == "Authorization: Basic <SECRET>"
    token = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"  # noqa: S105  # nobody's
    assert masked(f"Authorization: Bearer {token}") == "Authorization: Bearer <SECRET>"
    assert masked(f'api_key = "{token}"') == 'api_key = "<SECRET>"'


@pytest.mark.parametrize(
    "text",
    [
        'password = "changeme"',
        "password=password123, PASSWORD=admin",
        "api_key = YOUR_API_KEY_1234567",
        "token: <token>, token: xxxxxxxxxxxxxxxxxxxx1",
        "DB_PASSWORD=${DB_PASSWORD_1}",
        'password = os.environ["PASSWORD1"]',
        "const password = process.env.PASSWORD1",
        "token = tokenizer.encode(text1)",
        "password = hash2pw(plain)",
        "def login(password: str, token: str = None)",
        "password must be at least 12 characters",
        "max_tokens: 4096",
        "The password is correct!",
        "password: !vault |\n  $ANSIBLE_VAULT;1.1",
        "password: !secret wifi_password",
        "password: *default_password",
        'fields = ["password", "user@id2"]',
        "password: z.string().min(8)",
        "password=$dbPassword1, PASSWORD=$DB_PASSWORD_1",
        "$password = $_POST['password1'];",
        "curl -u user:password https://quillmere.net",
        "postgres://user:password@localhost/db",
        "Authorization: Bearer <token>",
        "secret = 0xDEADBEEFCAFEBABE",
        "token: 0xdAC17F958D2ee523a2206206994597C13D831ec7",
        "The password for this account is 8+ characters long",
        "password - at least 8 characters",
        "fn hash(password: &str) -> Result<u64>",
        "密钥是AES-256-GCM，令牌有效期为3600秒",
    ],
)
def test_what_stands_for_a_secret_stays(text: str) -> None:
    assert masked(text) == text
