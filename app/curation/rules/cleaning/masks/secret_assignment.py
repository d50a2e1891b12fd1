# ruff: noqa: RUF001  # words and letters of many scripts are what this is about
"""Passwords, keys and tokens that are told by the name that they are given to.

Masked is the value in `password = "…"` and the like: in code, files of settings, connection
strings and options of commands (`curl -u user:…`), and of keys and tokens also in sentences (`the
API key is …`); `told_password` finds passwords there. What stands for a value stays: a variable, a
call, an example such as `changeme` or `YOUR_API_KEY`, and a word of letters only, which can't be
told from the name of a field.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.curation.rules.cleaning.masks.mask import LETTER, Span, lower_case, matches_at

NAMES_OF_PASSWORDS: Final = (
    r"pass ?words?|pass ?phrase|passwd|passwort|pass ?code|pwd|kennwort|contraseña|clave|"
    r"mot de passe|senha|palavra-passe|parolam?|wachtwoord|hasło|lösenord(?:et)?|passord(?:et)?|"
    r"adgangskoden?|salasana|heslo|jelszó|lozinka|şifrem?|sifrem?|kata sandi|mật khẩu|"
    r"пароль|пароля|密码|密碼|口令|パスワード|비밀번호|암호|पासवर्ड|كلمة (?:المرور|السر)|گذرواژه|"
    r"סיסמה|סיסמא|รหัสผ่าน|κωδικός"
    r"|kata laluan|code d['’]acc[eè]s|jelszavam|salasanani|паролата|رمز عبور|\bpw"
)
_SHORT_NAMES: Final = r"\b(?:pass|mdp|ww|contra)"
"""Names of passwords before a sign only: they are words of sentences as well."""
_NAMES_OF_KEYS: Final = (
    r"secret|token|api[_ -]?key|apikey|access[_ -]?key|auth[_ -]?key|private[_ -]?key|app[_ -]?key|"
    r"secret[_ -]?key|signing[_ -]?key|encryption[_ -]?key|account[_ -]?key|bearer|credential|"
    r"cl[ée] (?:d['’])?api|api-?schlüssel|clave (?:de )?(?:la )?api|chave (?:de |da )?api|"
    r"chiave api|ключ api|api-ключ|токен|api ?(?:密钥|密鑰|キー|키)|密钥|密鑰|令牌|トークン|토큰"
)
_OF: Final = (
    r"(?:(?:saya|của tôi|mea|mera|meri) "
    r"|(?:for|of|on|für|von|zum|pour|du|de|del|do|da|di|voor|untuk|для|от)"
    r"(?: [^\s.,;:!?\"'`]{1,30}){1,3} )?"
)
"""Whose password it is, or for what, between its name and the verb."""
_VERB: Final = (
    r"(?:is|was|ist|lautet|es|est|è|é|är|er|to|je|jest|este|е|є|είναι|adalah|là|hai|[-–—])"
)
_TOLD: Final = rf"[\"'`]? {_OF}{_VERB}(?: now)?:? |\s?(?:是|为|為|は|는|은|है|คือ)[:：]?\s?"
"""What is between the name and the value in a sentence."""
_IS: Final = (
    r"(?:\\?[\"'`]?\]?\s{0,4}(?::=|=>|={1,2}|[:：])\s{0,4}"
    rf"|(?P<told>{_TOLD})"
    r"|\\?[\"'`]\s{0,4}(?P<comma>,)\s{0,4}(?=\\?[\"'`])"  # the arguments of a call
    r"|(?<=--password) |(?<=--passwd) |(?<=--token) |(?<=--api-key) |(?<=--secret) )"
)
_VALUE: Final = (
    r"(?:[bru]?(?P<quote>\\?[\"'`])(?P<quoted>[^\s\"'`\\]{6,200})(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;|<>\\“”„«»『』，。；、「」）\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{6,200}+))"
)
_ASSIGNED: Final = re.compile(
    rf"(?:(?P<password>{NAMES_OF_PASSWORDS}|{_SHORT_NAMES}(?=\s?[:=：]))|{_NAMES_OF_KEYS})"
    rf"(?![{LETTER}])(?P<is>{_IS}){_VALUE}"
)
"""Matches in a text in lower case."""
_PROGRAMS: Final = (
    "curl",
    "wget",
    "mysql",
    "mariadb",
    "sshpass",
    "docker",
    "redis",
    "7z",
    "login",
    "jdbc",
)
_OPTION: Final = re.compile(
    # Names of programs, at most a line of options, and the option whose value is a password.
    r"\b(?:curl|wget)\b[^\n]{0,300}?\s(?:-u|--(?:proxy-)?user)[ =]?[\"']?"
    r"[^\s:\"'/]{1,100}:(?P<curl>[^\s\"']{4,200})"
    r"|\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n]{0,300}?\s-p[\"']?"
    r"(?P<mysql>[^\s\"'-][^\s\"']{5,200})"
    r"|\b(?:sshpass|docker login|redis-cli|7z)\b[^\n]{0,300}?\s-[pa] ?[\"']?"
    r"(?P<other>[^\s\"'-][^\s\"']{5,200})"
    r"|\blogin \S{1,100}\s+password (?P<netrc>\S{6,200})"
    r"|jdbc:oracle:thin:[^\s/@]{1,100}/(?P<oracle>[^\s/@]{4,200})@"
)
_HEADER: Final = re.compile(
    r"\bauthorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:basic (?P<basic>[a-z0-9+/]{8,400}={0,2})"
    r"|(?:bearer|token|apikey) (?P<bearer>[\w.~+/-]{20,2000}=*))(?![\w<{$])",
    re.IGNORECASE | re.ASCII,
)
_EXAMPLE: Final = re.compile(
    r"your|example|sample|dummy|fake|placeholder|change|insert|replace|enter_|_here|todo|redacted|"
    r"hidden|xxx|\*\*\*|\.\.\.|…|<|^\$[{(]|^%\w+%|\{|^[@#]\w+$|://|^[.~]?/"
    # A number of a program, or an address of a blockchain; a private key has 32 bytes.
    r"|^0x(?![0-9a-f]{64}$)"
    # A variable is in capital letters, in small ones, or has a capital letter in each word.
    r"|(?-i:^\$(?:[A-Z_][A-Z0-9_]*|[a-z_]+[0-9]{0,2}|[a-z]+(?:[A-Z][a-z]+)+[0-9]{0,2})$)",
    re.IGNORECASE,
)
_STOCK: Final = re.compile(
    # Nothing but words that examples are made of, and digits.
    r"(?:p[a@]ssw[o0]rds?|p[a@]ss(?:wd|phrase|code)?|pwd|secret|token|api|auth|key|my|the|test(?:ing)?|"
    r"db|user(?:name)?|admin|root|postgres|mysql|mongo|redis|default|demo|foo|bar|baz|guest|new|old|"
    r"current|strong|secure|super|safe|random|hello|world|qwerty|asdf|abc(?:def)?|letmein|welcome|"
    r"value|string|hash(?:ed)?|temp|tmp|some|wrong|correct|invalid|confirm|login|client|access|jwt|"
    r"hunter2|123456789|12345678|1234567|123456|12345|1234|[-_!@#.:]|\d(?!\d{4}))+",
    re.IGNORECASE,
)
_OF_CALL: Final = re.compile(r"[\w.:>]\(\s*\\?[\"'`][\w.-]*\Z")
"""Stands before the name of a value that is the next argument of a call, such as `define('DB_`."""
_BEFORE_LENGTH: Final = 64
"""Characters before a name that are searched for a call."""
_TAG: Final = re.compile(r"(?:!{1,2}|[&*])[A-Za-z][A-Za-z_:/.-]*")
"""A tag, an anchor or an alias of YAML, such as `!vault`."""
_ARGUMENT: Final = re.compile(r"[&)}\]]")
"""Ends a value that `=` assigns: other arguments of a URL, a call or the like may follow."""
_OPENED: Final = {")": "(", "]": "[", "}": "{"}
_EXPRESSION: Final = re.compile(r"[(\[{]|[$]?[A-Za-z_][\w.?>-]*[(\[]")
"""Begins a call, an index or a literal of a program."""
_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+")
"""An attribute, such as `settings.password2`."""
_NAME: Final = re.compile(r"[A-Za-z_]+\d{0,2}")
_VERSION: Final = re.compile(r"[\^~v]?\d+(?:\.\d+)+")
_SIGNS: Final = re.compile(r"[!@#$%^&*?€£§]")
_DIGIT_OR_SIGN: Final = re.compile(rf"\d|{_SIGNS.pattern}")
_MIN_PASSWORD_CHARACTERS: Final = 6
_MIN_KEY_CHARACTERS: Final = 16
_MIN_DISTINCT: Final = 8
"""Different characters of a key or token at least."""


def find_assignments(text: str, begins: Sequence[int]) -> Iterator[Span]:
    """Yield the places of passwords, keys and tokens that are told by their names.

    Args:
        text: The text.
        begins: The indices at which one of `NAMES` may begin, ascending.
    """
    lower = lower_case(text)
    yield from _of_names(text, lower, begins)
    if any(program in lower for program in _PROGRAMS):
        for match in _OPTION.finditer(text):
            if is_password(match[match.lastgroup or 0]):
                yield match.span(match.lastgroup or 0)
    if "authorization" in lower:
        yield from _in_headers(text)


def _of_names(text: str, lower: str, begins: Sequence[int]) -> Iterator[Span]:
    for match in matches_at(_ASSIGNED, lower, begins):
        before = text[max(match.start() - _BEFORE_LENGTH, 0) : match.start()]
        is_told = match["password"] and match["told"]  # left to `told_password`
        if is_told or (match["comma"] and not _OF_CALL.search(before)):
            continue
        begin, end = match.span("quoted" if match["quoted"] else "bare")
        value = text[begin:end]
        if match["bare"]:
            if match["is"].strip() in {"=", "=="}:
                value = _ARGUMENT.split(value, maxsplit=1)[0]
            value = without_closing(value.rstrip(".:?*"))
            # An exclamation mark at the end may be the sentence's.
            is_word = _DIGIT_OR_SIGN.search(value.rstrip("!")) is None
            if is_word or _is_of_program(value, match["is"]):
                continue
        if (is_password if match["password"] else _is_key)(value):
            yield begin, begin + len(value)


def _in_headers(text: str) -> Iterator[Span]:
    for match in _HEADER.finditer(text):
        if (match["bearer"] and _is_key(match["bearer"])) or (
            match["basic"] and is_password(_decoded(match["basic"]).partition(":")[2])
        ):
            yield match.span(match.lastgroup or 0)


def without_closing(value: str) -> str:
    """Return a value without brackets at its end that were opened before it."""
    while value[-1:] in _OPENED and value.count(value[-1]) > value.count(_OPENED[value[-1]]):
        value = value[:-1]
    return value


def is_example(value: str) -> bool:
    """Tell whether a text stands for a password, as instructions and programs have it."""
    return _EXAMPLE.search(value) is not None or _STOCK.fullmatch(value) is not None


def _is_of_program(value: str, sign: str) -> bool:
    """Tell whether a value without quotation marks is an expression of a program."""
    is_assigned = re.search(r"[=:：]", sign) is not None
    return (
        (is_assigned and _EXPRESSION.match(value) is not None)
        or _PATH.fullmatch(value) is not None
        or _TAG.fullmatch(value) is not None
        or (sign.endswith("= ") and _NAME.fullmatch(value) is not None)
    )


def is_password(value: str) -> bool:
    """Tell whether a value may be a password: it has a digit, or a letter and a sign."""
    if len(value) < _MIN_PASSWORD_CHARACTERS or is_example(value) or _VERSION.fullmatch(value):
        return False
    has_letter = any(map(str.isalpha, value))
    return any(map(str.isdigit, value)) or (has_letter and _SIGNS.search(value) is not None)


def _is_key(value: str) -> bool:
    return (
        len(value) >= _MIN_KEY_CHARACTERS
        and len(set(value)) >= _MIN_DISTINCT
        and any(map(str.isalpha, value))
        and any(map(str.isdigit, value))
        and not is_example(value)
    )


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4)).decode("latin-1")
    except binascii.Error:
        return ""


NAMES: Final = f"{NAMES_OF_PASSWORDS}|{_SHORT_NAMES}|{_NAMES_OF_KEYS}"
"""A regular expression of RE2 for the names of values, in lower case."""
_NAMED: Final = (
    rf"(?i:(?:{NAMES})(?:\\?[\"'`]?\]?\s{{0,4}}[:=：][=>]?\s{{0,4}}"
    rf"|{_TOLD}"
    r"|\\?[\"'`]\s{0,4},\s{0,4})"
    r"(?:[bru]?\\?[\"'`][^\s\"'`\\]{6}|[^\s\"'`,;|<>\\]{6})"
    r"|--(?:password|passwd|token|api-key|secret) |authorization[\"']?\s{0,3}[:=]"
    r"|login \S+\s+password "
    r"|(?:curl|wget)\b[^\n]* -(?:u|-user|-proxy-user)|(?:mysql\w*|mariadb)\b[^\n]* -p"
    r"|(?:sshpass|docker login|redis-cli|7z) [^\n]*-[pa]|jdbc:oracle:thin:)"
)
ANY_SIGN: Final = r"[0-9@#$%^&*€£§]|[!?]\S|(?i:basic )"
"""A digit or sign of a value, which a password in base64 may not show."""
HINTS: Final = (ANY_SIGN, _NAMED)
"""Regular expressions of RE2 that are all found in every text with such a value."""
