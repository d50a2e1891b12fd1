# ruff: noqa: RUF001  # texts in many scripts are what this is about
"""Plants made-up personal data and secrets in texts, the same ones for a seed.

They are made after the descriptions of their formats, not after what the masks search for.
"""

import base64
import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat
from stdnum import iban

LETTERS: Final = string.ascii_letters
ALPHANUMERIC: Final = string.ascii_letters + string.digits
URL_SAFE: Final = ALPHANUMERIC + "-_"
BASE64: Final = ALPHANUMERIC + "+/"
HEX: Final = "0123456789abcdef"

CONTEXTS: Final = (
    "{}",
    "My details are {}, please don't share them.",
    "Write it down: {}.",
    "I lost it ({}) yesterday",
    'value = "{}"  # from the settings',
    "value='{}'",
    '{{"name": "Ada", "value": "{}", "id": 7}}',
    "| Ada | {} | London |",
    "First line\n{}\nlast line",
    "- `{}`",
    "Is it {}?",
    "Meine Angaben lauten {}; danke!",
    "Voici mes coordonnées : {} merci",
    "Мои данные: {}, спасибо",
    "我的信息是{}，谢谢",
    "連絡先は{}です。",
    "**{}**",
    "<td>{}</td>",
    "export VALUE={}",
    "two of them: {}, and then",
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with one thing planted in it.

    Attributes:
        kind: What kind it is of.
        text: The text.
        masked: What is to become of the text.
    """

    kind: str
    text: str
    masked: str


def planted(seed: int = 5, of_each: int = 100) -> list[Planted]:
    """Return `of_each` texts with each kind."""
    random = Random(seed)  # noqa: S311  # it makes no real secrets
    return [each for kind in MAKERS for each in _planted(random, kind, of_each)]


def _planted(random: Random, kind: str, many: int) -> Iterator[Planted]:
    make = MAKERS[kind]
    placeholder = f"<{kind.upper()}>"
    for number in range(many):
        before, value, after = make(random, number)
        context = CONTEXTS[number % len(CONTEXTS)]
        yield Planted(
            kind,
            context.format(before + value + after),
            context.format(before + placeholder + after),
        )


Made = tuple[str, str, str]
"""The text before a planted thing, the thing, and the text after it."""


def _some(random: Random, alphabet: str, length: int) -> str:
    return "".join(random.choices(alphabet, k=length))


def _email(random: Random, number: int) -> Made:
    names = ("ada", "grace.hopper", "jean-luc", "o'neil", "x_y", "info", "jürgen", "a.b.c", "li99")
    tags = ("", "", "+news", ".private")
    hosts = (
        "gmail.com",
        "mail.quillmere.com",
        "uni-köln.de",
        "web.de",
        "firma.co.uk",
        "posteo.net",
    )
    more = ("yandex.ru", "qq.com", "sub.dept.univ.ac.jp", "startup.io", "bücher.ch", "foo.museum")
    host = random.choice(hosts + more)
    address = f"{random.choice(names)}{random.choice(tags)}@{host}"
    if number % 11 == 3:
        address = address.upper()
    if number % 13 == 5:
        return "mailto:", address, ""
    if number % 17 == 9:
        return "", "ada.lovelace [at] quillmere [dot] org", ""
    return "", address, ""


INTERNATIONAL: Final = (
    ("US", "2124567890"),
    ("CA", "4165550134"),
    ("GB", "02079460958"),
    ("GB", "07911123456"),
    ("DE", "03012345678"),
    ("DE", "015112345678"),
    ("FR", "0612345678"),
    ("ES", "612345678"),
    ("IT", "3123456789"),
    ("NL", "0612345678"),
    ("PL", "512345678"),
    ("BR", "11961234567"),
    ("MX", "5512345678"),
    ("IN", "9123456789"),
    ("CN", "13123456789"),
    ("JP", "09012345678"),
    ("KR", "01020000000"),
    ("AU", "0412345678"),
    ("ZA", "0711234567"),
    ("NG", "08021234567"),
    ("RU", "89123456789"),
    ("TR", "05012345678"),
    ("SE", "0701234567"),
    ("CH", "0781234567"),
)
PHONE_WORDS: Final = (
    "Phone: ",
    "tel. ",
    "call me at ",
    "mobile number is ",
    "WhatsApp ",
    "Telefon: ",
    "Tél : ",
    "teléfono ",
    "Телефон: ",
    "手机：",
    "電話番号：",
    "Fax (work): ",
)


def _phone(random: Random, number: int) -> Made:
    region, national = INTERNATIONAL[number % len(INTERNATIONAL)]
    parsed = phonenumbers.parse(national, region)
    international = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    match number % 5:
        case 0:
            return "", international, ""
        case 1:
            return "", phonenumbers.format_number(parsed, PhoneNumberFormat.E164), ""
        case 2:
            written = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
            return random.choice(PHONE_WORDS), written, ""
        case 3:
            return "", international.replace("+", "00", 1), ""
        case _:
            area, exchange, line = random.choice(("212", "415", "646")), "7" + "35", "0142"
            forms = ("({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 ({}) {}-{}", "1-{}-{}-{}")
            return "", forms[number // 5 % len(forms)].format(area, exchange, line), ""


def _ip_address(random: Random, number: int) -> Made:
    before, after = random.choice(
        (("", ""), ("from ", ""), ("http://", ":8080/path"), ("ping ", ""), ("ssh root@", ""))
    )
    if number % 3 == 0:
        groups = [_some(random, HEX, 4) for _ in range(7)]
        forms = (
            ":".join(("2a01", *groups)),
            f"2003:db8:{groups[0]}::{groups[1]}",
            f"2606:4700::{groups[0]}",
            f"2A02:8071::{groups[1].upper()}:1",
            f"2a00:1450:4001:{groups[2]}::200e",
        )
        address = forms[number // 3 % len(forms)]
        return ("http://[", address, "]:8080/") if before == "http://" else (before, address, after)
    first = random.choice((8, 23, 45, 84, 91, 104, 142, 185, 203))
    rest = [random.randrange(1, 255) for _ in range(3)]
    return before, ".".join(map(str, (first, *rest))), after


CARDS: Final = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("36", 14),
    ("3530", 16),
    ("62", 16),
    ("2202", 16),
)


def luhn_digit(digits: str) -> str:
    """Return the check digit of ISO/IEC 7812-1 for these digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _card(random: Random, number: int) -> Made:
    prefix, length = CARDS[number % len(CARDS)]
    digits = prefix + _some(random, string.digits, length - len(prefix) - 1)
    digits += luhn_digit(digits)
    groups = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length]
    separator = ("", " ", "-", "\u00a0")[number // len(CARDS) % 4]
    parts, rest = [], digits
    for size in groups:
        parts.append(rest[:size])
        rest = rest[size:]
    return "", separator.join(parts), ""


BANKS: Final = {
    "DE": "nnnnnnnnnnnnnnnnnn",
    "GB": "aaaannnnnnnnnnnnnn",
    "FR": "nnnnnnnnnncccccccccccnn",
    "ES": "nnnnnnnnnnnnnnnnnnnn",
    "IT": "annnnnnnnnncccccccccccc",
    "NL": "aaaannnnnnnnnn",
    "CH": "nnnnncccccccccccc",
    "AT": "nnnnnnnnnnnnnnnn",
    "PL": "nnnnnnnnnnnnnnnnnnnnnnnn",
    "NO": "nnnnnnnnnnn",
    "SE": "nnnnnnnnnnnnnnnnnnnn",
    "TR": "nnnnnncccccccccccccccc",
    "AE": "nnnnnnnnnnnnnnnnnnn",
    "BR": "nnnnnnnnnnnnnnnnnnnnnnnac",
}
"""Structures of numbers by country, from SWIFT's registry."""


def _iban(random: Random, number: int) -> Made:
    country, structure = list(BANKS.items())[number % len(BANKS)]
    alphabets = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}
    account = "".join(random.choice(alphabets[kind]) for kind in structure)
    checked = country + iban.calc_check_digits(f"{country}00{account}") + account
    match number // len(BANKS) % 4:
        case 0:
            return "", checked, ""
        case 1:
            return "IBAN ", iban.format(checked), ""
        case 2:
            return "", checked.lower(), ""
        case _:
            return "IBAN: ", iban.format(checked, "-"), ""


def _jwt(random: Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": _some(random, string.digits, 10), "name": "Ada"}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{_some(random, URL_SAFE, 43)}"


def _discord(random: Random) -> str:
    user = base64.b64encode(_some(random, "123456789", 18).encode()).decode().rstrip("=")
    return f"{user}.{_some(random, URL_SAFE, 6)}.{_some(random, ALPHANUMERIC, 38)}"


SECRETS: Final[tuple[Callable[[Random], str | Made], ...]] = (
    lambda r: "AKIA" + _some(r, string.ascii_uppercase + "234567", 16),
    lambda r: ("aws_secret_access_key = ", _some(r, BASE64, 39) + "a", ""),
    lambda r: "ghp_" + _some(r, ALPHANUMERIC, 36),
    lambda r: "ghs_" + _some(r, ALPHANUMERIC, 36),
    lambda r: f"github_pat_{_some(r, ALPHANUMERIC, 22)}_{_some(r, ALPHANUMERIC, 59)}",
    lambda r: "glpat-" + _some(r, URL_SAFE, 19) + "a",
    lambda r: (
        f"xoxb-{_some(r, '123456789', 12)}-{_some(r, '123456789', 13)}-"
        + _some(r, ALPHANUMERIC, 24)
    ),
    lambda r: (
        f"xapp-1-A{_some(r, string.ascii_uppercase, 9)}-{_some(r, '123', 13)}-" + _some(r, HEX, 64)
    ),
    lambda r: (
        "https://hooks.slack.com/services/",
        f"T{_some(r, string.ascii_uppercase, 8)}/B{_some(r, string.ascii_uppercase, 8)}/"
        + _some(r, ALPHANUMERIC, 24),
        "",
    ),
    lambda r: "sk_live_" + _some(r, ALPHANUMERIC, 24),
    lambda r: "rk_test_" + _some(r, ALPHANUMERIC, 99),
    lambda r: "whsec_" + _some(r, ALPHANUMERIC, 32),
    lambda r: "sk-" + _some(r, ALPHANUMERIC, 48),
    lambda r: f"sk-{_some(r, ALPHANUMERIC, 20)}T3BlbkFJ{_some(r, ALPHANUMERIC, 20)}",
    lambda r: f"sk-proj-{_some(r, URL_SAFE, 74)}T3BlbkFJ{_some(r, URL_SAFE, 73)}A",
    lambda r: f"sk-ant-api03-{_some(r, URL_SAFE, 93)}AA",
    lambda r: "AIza" + _some(r, URL_SAFE, 34) + "a",
    lambda r: "GOCSPX-" + _some(r, URL_SAFE, 27) + "a",
    lambda r: "hf_" + _some(r, LETTERS, 34),
    lambda r: f"{_some(r, '123456789', 10)}:AA{_some(r, URL_SAFE, 32)}a",
    lambda r: ("https://api.telegram.org/", f"bot123456789:AA{_some(r, URL_SAFE, 32)}z", "/getMe"),
    _discord,
    lambda r: (
        "https://discord.com/api/webhooks/123456789012345678/",
        _some(r, URL_SAFE, 67) + "a",
        "",
    ),
    lambda r: "SK" + _some(r, HEX, 32),
    lambda r: "AC" + _some(r, HEX, 32),
    lambda r: f"SG.{_some(r, URL_SAFE, 22)}.{_some(r, URL_SAFE, 42)}a",
    lambda r: "npm_" + _some(r, ALPHANUMERIC, 36),
    lambda r: "pypi-AgEIcHlwaS5vcmc" + _some(r, URL_SAFE, 119) + "a",
    _jwt,
    lambda r: ("Authorization: Bearer ", _jwt(r), ""),
    lambda r: (
        "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey=",
        _some(r, BASE64, 86) + "==",
        ";EndpointSuffix=core.windows.net",
    ),
    lambda r: "dop_v1_" + _some(r, HEX, 64),
    lambda r: "dapi" + _some(r, HEX, 32),
    lambda r: "shpat_" + _some(r, HEX, 32),
    lambda r: _some(r, HEX, 32) + "-us12",
    lambda r: "gsk_" + _some(r, ALPHANUMERIC, 52),
)


def _secret(random: Random, number: int) -> Made:
    made = SECRETS[number % len(SECRETS)](random)
    return ("", made, "") if isinstance(made, str) else made


def _private_key(random: Random, number: int) -> Made:
    labels = ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY")
    label = (*labels, "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK")[number % 6]
    lines = [_some(random, BASE64, 64) for _ in range(random.randrange(1, 26))]
    lines.append(_some(random, BASE64, 22) + "==")
    if label == "RSA PRIVATE KEY" and number % 4 == 0:
        lines[:0] = ["Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0123456789ABCDEF", ""]
    breaks = "\\n" if number % 5 == 2 else "\r\n" if number % 5 == 3 else "\n"
    block = [f"-----BEGIN {label}-----", *lines]
    if number % 7 != 6:
        block.append(f"-----END {label}-----")
    return "", breaks.join(block), ""


def _url_credentials(random: Random, number: int) -> Made:
    schemes = ("https", "postgresql", "mongodb+srv", "redis", "amqp", "ftp", "mysql", "socks5")
    hosts = ("db.example.com:5432/lake", "localhost", "10.0.0.5:6379/0", "[::1]:80/", "host/a?b=c")
    users = ("ada", "admin", "", "ada%40example.com", "x-access-token")
    password = _some(random, ALPHANUMERIC + "!$*-_.%", 12) + random.choice(("", "p@ss", ":x"))
    user = users[number % len(users)]
    return f"{schemes[number % 8]}://", f"{user}:{password}", f"@{hosts[number // 8 % 5]}"


def _id_number(random: Random, number: int) -> Made:
    area, group = random.randrange(100, 666), random.randrange(10, 100)
    social_security = f"{area}-{group}-{random.randrange(1000, 10_000)}"
    forms: tuple[Made, ...] = (
        ("", social_security, ""),
        ("social security number ", social_security, ""),
        ("Passport no. ", f"X{_some(random, string.digits, 8)}", ""),
        ("паспорт ", f"45 12 {_some(random, '123456789', 6)}", ""),
        ("PAN: ", f"ABCPK{_some(random, string.digits, 4)}Z", ""),
        ("CPF: ", _cpf(random), ""),
        ("身份证号：", _chinese_identity(random), ""),
    )
    return forms[number % len(forms)]


def _cpf(random: Random) -> str:
    """Return a number of Brazil: each check digit is a weighted sum of the digits, modulo 11."""
    digits = [random.randrange(10) for _ in range(9)]
    for _ in range(2):
        total = sum(
            digit * weight for digit, weight in zip(digits[::-1], range(2, 13), strict=False)
        )
        digits.append(-total % 11 % 10)
    made = "".join(map(str, digits))
    return f"{made[:3]}.{made[3:6]}.{made[6:9]}-{made[9:]}"


def _chinese_identity(random: Random) -> str:
    """Return a number of China, with the check character of GB 11643 (ISO 7064, MOD 11-2)."""
    body = f"110101{random.randrange(1950, 2005)}0{random.randrange(1, 10)}1{random.randrange(10)}"
    body += f"{random.randrange(1000):03}"
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def _birth_date(random: Random, number: int) -> Made:
    day = date(random.randrange(1930, 2010), random.randrange(1, 13), random.randrange(1, 29))
    forms = (
        ("Date of birth: ", "%d %B %Y"),
        ("DOB ", "%m/%d/%Y"),
        ("Geburtsdatum: ", "%d.%m.%Y"),
        ("date de naissance ", "%d/%m/%Y"),
        ("出生日期：", "%Y年%m月%d日"),
        ("Дата рождения: ", "%d.%m.%Y"),
        ("I was born on ", "%B %d, %Y"),
    )
    before, form = forms[number % len(forms)]
    return before, day.strftime(form), ""


STREETS: Final = (
    "{} Larkspur Lane, Dayton, OH 45429",
    "{} N Birchwood Ave Apt 12, Madison, Wisconsin 53704-1122",
    "{} Alder Grove, Bristol BS6 5TR",
    "Flat 3, {} Park Road, Leeds, LS6 2AB",
    "{} King Street West, Toronto, ON M5H 3T4",
    "{} Wattle Street, Ballarat VIC 3350",
    "Lindenweg {}b, 79104 Freiburg",
    "Keizersdreef {}, 3511 EB Utrecht",
    "Storgatan {}, 582 23 Linköping",
    "{} bis rue des Lilas, 31000 Toulouse",
    "Calle Mayor {}, 3º B, 28013 Madrid",
    "Rua das Flores, {}, Centro, 01310-100 São Paulo",
    "Via Garibaldi {}, 20121 Milano",
    "ul. Długa {}, 31-147 Kraków",
    "ул. Ленина, д. {}, кв. 12",
    "北京市海淀区学院路{}号",
    "서울특별시 강남구 테헤란로 {}",
)


def _street_address(random: Random, number: int) -> Made:
    street = STREETS[number % len(STREETS)].format(random.randrange(2, 999))
    return "", street, ""


MAKERS: Final[dict[str, Callable[[Random, int], Made]]] = {
    "email": _email,
    "phone": _phone,
    "ip_address": _ip_address,
    "card": _card,
    "iban": _iban,
    "secret": _secret,
    "private_key": _private_key,
    "url_credentials": _url_credentials,
    "id_number": _id_number,
    "birth_date": _birth_date,
    "street_address": _street_address,
}
