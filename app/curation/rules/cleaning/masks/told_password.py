# ruff: noqa: RUF001, RUF002  # words and letters of many scripts are what this is about
"""Passwords and codes that people tell in sentences.

`secret_assignment` finds what programs and settings assign. People tell a password in other ways:

- with a verb, as in `my password is Kite42!x` and `the password of the router is …`;
- without a verb, as in `my pw Kite42!x`, `username ada, password Kite42!x` and `Şifrem Kite42!x`;
- with other words between name and value, as in `ο κωδικός μου είναι …` and `hasło do wifi: …`;
- with the value first, as in `use Kite42!x as the password`;
- as a pair, as in `log in with ada / Kite42!x`;
- as the code of a door, a gate, a network or a card, which may be four digits.

Talk about passwords stays: what follows has to look like one, and the less the words before it say,
the more so.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from app.curation.rules.cleaning.masks.mask import LETTER, Span, lower_case, matches_at
from app.curation.rules.cleaning.masks.secret_assignment import (
    ANY_SIGN,
    NAMES_OF_PASSWORDS,
    is_example,
    is_password,
    without_closing,
)

_NAMES: Final = (
    rf"{NAMES_OF_PASSWORDS}|\b(?:pw|pasword)|비번|пасворд|kata sandiku|şifresi"
    r"|sifresi|parolası|hasła|hesla|jelszava|salasanani? on|كلمة (?:مرور|سر)"
    r"|رمز (?:الواي فاي|وای فای|وای‌فای)"
    r"|הסיסמ[הא]"
)
_NETWORK: Final = r"wi-?fi|wlan|wireless|hotspot|router|network|wifi(?:-nya|ul|en)?"
_OF: Final = (
    r"(?:[ -]?(?:nya|ul))?(?: (?:code|key|pw|pass|mea|mitt|mit|saya|ku|aku|kamu"
    r"|của tôi|của mình|nhà|e-?mail|μου"
    r"|mi|min|moje|meu|minha|mera|meri|الخاصة بي|שלי|من|الواي فاي|وای فای|وای‌فای"
    r"|(?:for|of|on|to|für|von|vom|zum|pour|du|de|del|do|da|di|dello|della|voor|van|untuk|от|od"
    r"|na|k|ke|til|till|від|для|до|για|του|της|στο|a|al)(?: [^\s.,;:!?\"'`]{1,30}){1,3}?"
    rf"|{_NETWORK})){{0,2}}"
)
"""Whose password it is, or for what, between its name and the verb."""
_SAID: Final = (
    r"(?:\s?[:：]\s{0,2}|['’]s |[ -](?:(?:is|was|ist|lautet|es|est|c['’]est|é|è|är|er|to|je|jest"
    r"|este|e|е|є|είναι|adalah|ialah|là|hai|היא|הוא|هي|هو|है|[-–—])(?: (?:now|still|le|jetzt|teraz"
    r"|nu|ahora))?|(?:should|will|must) be):? |\s?(?:是|为|為|は|는|은|คือ)[:：]?\s?)"
)
_OPENING: Final = r"[“„«「『\"'`(]?"
_VALUE: Final = (
    r"(?P<value>[^\s\"'`“”„«»,;|<>\\，。；、「」『』）"
    r"\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{4,80}+)"
)
_ACCOUNTS: Final = (
    "user(?:name)?|login|e-?mail|account|konto|benutzer|usuario|utente|usuário|utilisateur"
)
_NAMED: Final = re.compile(
    rf"(?:{_NAMES})(?:(?<=[\u4e00-\u9fff])|(?![{LETTER}]))(?P<of>{_OF})"
    rf"(?:(?P<said>{_SAID})|\s(?=\S*\d)|(?=[「『“])|(?<=[\u4e00-\u9fff]))"
    rf"{_OPENING}{_VALUE}"
    rf"|\b(?:{_ACCOUNTS})\b[^\n]{{1,60}}?\b(?:pass|pw|mdp) {_VALUE.replace('value', 'beside')}"
)
"""Matches a name and what follows, in a text in lower case."""
_CODES: Final = (
    r"\b(?:pin|(?:pin|door|gate|alarm|entry|entrance|access|security|unlock|garage|locker|lock"
    r"|building|house|wi-?fi|wlan|parental|vault|safe)[ -]?(?:code|pin|key))"
    r"|(?:zugangs|tür|tor|alarm|wlan-?|wifi-?|sicherheits|zutritts)(?:code|schlüssel|pin)"
    r"|wlan-schlüssel|(?:code|digicode) (?:wi-?fi|d['’](?:accès|entrée)|de (?:la |l['’])?(?:porte"
    r"|alarme|immeuble|entrée)|du (?:portail|wifi|garage))|código (?:de (?:la )?(?:puerta|alarma"
    r"|entrada|acceso|acesso|porta)|del (?:wifi|portal|garaje)|do (?:wi-?fi|portão))"
    r"|codice (?:del (?:cancello|portone|wifi|garage)|della porta|dell['’]allarme|d['’]accesso)"
    r"|(?:deur|poort|wifi|toegangs)code|kod (?:do|od) (?:bramy|drzwi|domofonu)|код (?:от|для|к) "
    r"(?:двери|подъезда|домофона|ворот|квартиры)|код (?:від|до) (?:дверей|під['’]їзду)|kapı kodu"
    r"|(?:门|門)(?:禁)?(?:密码|密碼)|暗証番号|ピン"
)
_CODE: Final = re.compile(
    rf"(?:{_CODES})(?![{LETTER}])(?P<said>{_SAID}){_OPENING}"
    r"(?P<value>[#*]?\d{4,12}[#*]?|[^\s\"'`“”„«»,;|<>\\]{4,40}+)(?![\w/:])"
)
_TO_SET: Final = "set|chang|reset|updat|switch"
_SET: Final = re.compile(
    rf"\b(?:{_TO_SET})\w*\b[^.\n]{{0,30}}(?:{_NAMES}) to {_OPENING}{_VALUE}"
    rf"|(?:{_NAMES})(?: \S{{1,20}}){{0,3}}? (?:auf|til|till|naar|en|a|na|στο) {_OPENING}"
    r"(?P<changed>[^\s\"'`“”„«»,;|<>\\]{6,80}+)"
)
_AS: Final = re.compile(
    r"[\"'`”“»]? (?:as|als|comme|como|come|som|jako|как|як|ca"
    r"|(?:is|ist|est|es|é|è)(?= (?:my|our|mein|mon|mi|minha|la mia) ))"
    r" (?:(?:the|my|a|our|your|his|her|das|mein|unser|mon|notre|le|mi|la|nuestra|minha|a|mia|mijn"
    rf"|het|mitt|min|moje|пароль от|mea) )?(?:new |wifi |root )?(?:{_NAMES})(?![{LETTER}])"
    r"(?! (?:hash|field|manager|polic|stor|algorithm|encod|salt|protocol|provider|hint|backend"
    r"|param|argument|type|name|key|column|variable|reset|rule|strength))"
)
"""Matches what stands after the value."""
_TO_LOG_IN: Final = "log ?in|logins?|cred(?:ential)?s?"
_PAIR: Final = re.compile(
    rf"\b(?:{_TO_LOG_IN})(?: (?:with|as|is|are|details))*:? "
    rf"[^\s:/]{{2,64}}(?: / |: ?){_VALUE}"
)
_BREAK: Final = re.compile(r"[\s\"'`“”„«»,;|<>\\]")
HINTS: Final = (
    ANY_SIGN,
    r"[0-9@#$%^&*€£§]|[!?]\S",
    rf"(?i:{_NAMES}|{_CODES}|\bpass |\bmdp |\blog ?in|\bcreds?\b|\bcredential)",
)
"""Regular expressions of RE2 that are all found in every text with such a value."""
BEGINS: Final = rf"{_NAMES}|{_CODES}|\b(?:{_ACCOUNTS}|{_TO_SET}|{_TO_LOG_IN})"
"""A regular expression of RE2 for how sentences with such a value begin, in lower case."""
_UNIT: Final = re.compile(rf"(?:\d{{1,3}}|2fa)(?:-?[{LETTER}]*|\+|-\d+\D*)|\d+(?:[.:/-]\d+)+\D*")
"""A number with its unit, a date or a time: `12characters`, `3/5/2024`, `2FA-protected`."""
_COLOUR: Final = re.compile(r"#(?:[0-9a-f]{3}){1,2}")
_OF_PROGRAM: Final = re.compile(r"\w(?:\([^()]*\)|\[[^\[\]]*\])|://|^//|::|\w@[\w-]+\.\w")
"""A call, an index, a URL, a path of a program or an e-mail address."""
_SIGN: Final = re.compile(r"[!@#$%^&*?€£§_+]")
_MAX_CHARACTERS: Final = 80
_MIN_CODE_DIGITS: Final = 4
_COUNTING: Final = "01234567890"
"""What the codes of examples are a part of, such as `1234`."""


def find_told_passwords(text: str, begins: Sequence[int]) -> Iterator[Span]:
    """Yield the places of passwords and codes that are told in sentences.

    Args:
        text: The text.
        begins: The indices at which `BEGINS` may match, ascending.
    """
    lower = lower_case(text)
    for match in matches_at(_NAMED, lower, begins):
        said = match["said"]
        if said and said.strip() in {":", "："} and not match["of"]:
            continue  # `secret_assignment` knows what programs assign
        # What a password should be may be described: the value has to look like one.
        is_password_told = _is_named if said is not None and " be" not in said else _is_told
        yield from _told(text, match.span(match.lastgroup or 0), is_password_told)
    for form in (_SET, _PAIR):
        for match in matches_at(form, lower, begins):
            yield from _told(text, match.span(match.lastgroup or 0), _is_told)
    for match in matches_at(_CODE, lower, begins):
        yield from _told(text, match.span("value"), _is_code)
    for match in _AS.finditer(lower):
        end = match.start()
        before = text[max(end - _MAX_CHARACTERS, 0) : end]
        yield from _told(text, (end - len(_BREAK.split(before)[-1]), end), _is_told)


def _told(text: str, span: Span, is_one: Callable[[str], bool]) -> Iterator[Span]:
    """Yield the place of what stands in a place, without its punctuation, if it is a secret."""
    begin, end = span
    value = without_closing(text[begin:end].rstrip(".:?"))
    if is_one(value):
        yield begin, begin + len(value)


def _is_code(value: str) -> bool:
    number = value.strip("#*")
    if number.isdigit():
        return number not in _COUNTING and len(set(number)) > 1
    digits = sum(map(str.isdigit, value))
    is_long = digits >= _MIN_CODE_DIGITS and not is_example(value)
    return not _UNIT.fullmatch(value.lower()) and (is_long or is_password(value))


def _is_told(value: str) -> bool:
    """Tell whether a value is a password where nothing says that it is one."""
    return _is_named(value) and _looks_like_one(value)


def _is_named(value: str) -> bool:
    """Tell whether a value is a password where a verb or a colon says that it is one."""
    lower = value.lower()
    if _UNIT.fullmatch(lower) or _COLOUR.fullmatch(lower) or _OF_PROGRAM.search(value):
        return False
    # An exclamation mark at the end may be the sentence's.
    has_digit, has_sign = any(map(str.isdigit, value)), _SIGN.search(value.rstrip("!?"))
    return is_password(value.lstrip("#/[(")) and bool(has_digit or has_sign)


def _looks_like_one(value: str) -> bool:
    if value[0] in "-$<" or "=" in value:
        return False
    has_cases = value != value.lower() and value != value.upper()
    return any(map(str.isdigit, value)) and (
        has_cases or _SIGN.search(value.rstrip("!?")) is not None
    )
