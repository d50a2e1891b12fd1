# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
import pytest

from tests.app.curation.rules.cleaning.masks.masking import masked


@pytest.mark.parametrize(
    "text",
    [
        "hey, my pw is {}",
        "pass: {}",
        "username: ada, password {}",
        "user bob pass {}",
        "Use {} as the password, please",
        "{} is my password",
        "I changed the password to {}.",
        "log in with ada / {}",
        "my netflix password's {}",
        "The password should be {} now",
        "Ich habe das Passwort auf {} geändert",
        "mdp : {}",
        "utilise {} comme mot de passe",
        "la clave del wifi es: {}",
        "hasło do wifi: {}",
        "heslo k wifi je {}",
        "ο κωδικός μου είναι {}",
        "пароль от почты: {}",
        "Şifrem {}",
        "kata laluan saya ialah {}",
        "رمز عبور {} است",
        "मेरा पासवर्ड {} है",
        "我的密码 {}",
        "パスワードは「{}」です。",
    ],
)
def test_a_password_is_told_in_many_ways(text: str) -> None:
    assert masked(text.format("Kite_42x!b")) == text.format("<SECRET>")


@pytest.mark.parametrize(
    "password", ["#Zebra_9x", "/otter/lake9", "[Kestrel]42", "V+2TtbZZ(2S", "3+k(Qzb_1X"]
)
def test_a_told_password_may_have_signs_anywhere(password: str) -> None:
    assert masked(f"the password is {password}, ok") == "the password is <SECRET>, ok"


@pytest.mark.parametrize(
    "text",
    [
        "the door code is {}",
        "my PIN is {}",
        "Gate code: {}",
        "le code de la porte est le {}",
        "codice del cancello: {}",
        "код от двери: {}",
    ],
)
def test_a_code_that_opens_something_may_be_four_digits(text: str) -> None:
    assert masked(text.format("4829")) == text.format("<SECRET>")


@pytest.mark.parametrize(
    "text",
    [
        "my password is not working!",
        "The password is required for 2FA.",
        "password is 2FA-protected",
        "The password is correct! I have 2.",
        "my password has 12characters, it expired on 2024-05-01",
        "Use Argon2id as the password hash",
        "I set the password policy to min 12chars, 90days",
        "Password1 Password2!",
        "if password != Password2: raise",
        "let pass = myVar1;",
        "pass --flag2=True to the script",
        "the error code is 0x80070057",
        "The zip code is 90210-1234, promo code is SAVE20NOW",
        "the door code is 4 digits long",
        "PIN code is 1234",
        "pin: 3.3V and GND",
        "the pin: https://pin.example/4x8y9z",
        "the password is #ff8800",
        "пароль должен быть от 8символов",
        "密码是6位数字",
        "비밀번호는 8자 이상이에요",
    ],
)
def test_talk_about_passwords_and_codes_stays(text: str) -> None:
    assert masked(text) == text


def test_an_address_after_a_password_is_an_address() -> None:
    text = "Send the password to ada2@quillmere.net"
    assert masked(text) == "Send the password to <EMAIL>"
