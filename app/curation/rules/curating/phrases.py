# ruff: noqa: RUF001 - quotation marks and commas of other scripts are what is looked for
"""Regular expressions of RE2 that find refusals and boilerplate. They ignore case.

A refusal says that the speaker is a model or sorry, and that they don't do what was asked. Neither
"As an AI, I can explain …" nor "I'm sorry for your loss" is one, nor a character of a story who
can't believe their eyes.
"""

from typing import Final

REFUSAL_CHARACTERS: Final = 240
"""Characters of an answer that are searched for a refusal: later ones only qualify the answer."""

_REST: Final = r"[^.!?。！？\n]*"  # of the sentence
_APOLOGY: Final = (
    r"(?:i(?:['’]m| am) (?:\w+ )?(?:sorry|afraid)|(?:my )?(?:sincere )?apologies"
    r"|i (?:sincerely )?apologi[sz]e|sorry|unfortunately|regrettably)"
)
_CANNOT: Final = (
    r"\bi ?(?:can(?:['’]t|not| not)|won['’]t|will not|must (?:decline|refuse) to"
    r"|(?:am|['’]m) (?:not able|unable|not allowed|not programmed) to)"
)
_LACK: Final = r"\bi ?(?:do(?:n['’]t| not) (?:have|possess|experience)|(?:am|['’]m) not capable)"
_AS_MODEL: Final = (
    r"as an? (?:\w+ )?(?:ai\b|artificial intelligence|language model|chatbot|virtual assistant)"
)
_ENGLISH: Final = (
    rf"(?:{_APOLOGY}{_REST})?{_AS_MODEL}{_REST}(?:{_CANNOT}|{_LACK})",
    rf"{_APOLOGY}{_REST}{_CANNOT} (?:be able to )?(?:assist|help|fulfil|provide|comply|create"
    r"|generate|engage|answer|write|discuss|participate|produce|complete|do that|respond|access"
    r"|browse)",
    rf"{_CANNOT} (?:assist (?:you )?with|help (?:you )?with (?:that|this)|fulfil|comply with"
    r"|engage in|provide (?:assistance|information|instructions|guidance|you with)|generate|discuss"
    r"|participate in|create content|support (?:that|this))",
)
_OTHER_LANGUAGES: Final = (
    # German
    rf"als (?:eine? )?(?:ki\b|künstliche intelligenz|(?:\S+ )?(?:ki-)?sprachmodell){_REST} "
    r"(?:nicht|keine?n?) ",
    rf"(?:es )?tut mir leid{_REST} (?:kann|darf) {_REST}nicht (?:helfen|weiterhelfen|beantworten"
    r"|erfüllen|bereitstellen)",
    # French
    r"en tant qu[e'’] ?(?:ia|intelligence artificielle|modèle de langage|assistant)"
    rf"{_REST} (?:ne (?:peux|suis|dispose|possède)|n['’]ai)",
    rf"(?:je suis )?(?:vraiment )?désolée?{_REST} je ne (?:suis pas en mesure"
    r"|peux pas (?:vous aider|t['’]aider|fournir|répondre))",
    # Spanish
    rf"como (?:una? )?(?:ia\b|inteligencia artificial|modelo de lenguaje){_REST} "
    r"no (?:puedo|tengo)",
    rf"lo siento{_REST} no puedo (?:ayudar|proporcionar|cumplir|generar|crear|responder)",
    # Portuguese
    rf"como (?:uma? )?(?:ia\b|inteligência artificial|modelo de linguagem){_REST} "
    r"não (?:posso|tenho)",
    rf"(?:desculpe|sinto muito|lamento){_REST} não posso (?:ajudar|fornecer|cumprir|gerar|criar"
    r"|responder)",
    # Italian
    rf"come (?:ia\b|intelligenza artificiale|modello linguistico){_REST} non (?:posso|ho )",
    rf"mi dispiace{_REST} non posso (?:aiutar|fornire|generare|creare|rispondere)",
    # Russian
    rf"(?:(?:извините|к сожалению){_REST})?как (?:ии|искусственный интеллект"
    rf"|(?:\S+ )?языковая модель){_REST} не (?:могу|имею|способ)",
    # Chinese
    r"(?:(?:很?抱歉|对不起|對不起)[，,]?)?(?:作为|身为|作為|身為)(?:一[个名款種种個])?(?:大型)?"
    rf"(?:人工智能|人工智慧|ai|语言模型|語言模型){_REST}(?:无法|無法|不能|没有|沒有)",
    r"(?:很?抱歉|对不起|對不起)[，,]?(?:但)?我(?:无法|無法|不能)(?:提供|回答|满足|滿足|协助|協助|帮助)",
    # Japanese
    rf"(?:申し訳(?:ありません|ございません)が、?)?{_REST}(?:ai|人工知能|言語モデル)(?:アシスタント)?"
    rf"(?:として|である|なので){_REST}(?:できません|できない|ありません)",
    rf"申し訳(?:ありません|ございません)が{_REST}(?:お手伝い|お答え|提供){_REST}(?:できません|できかね)",
    # Korean
    rf"(?:죄송(?:합니다|하지만){_REST}[.,]? ?)?(?:저는 )?(?:ai|인공지능|언어 모델){_REST}"
    rf"(?:로서|이기 때문에|이므로){_REST}(?:없습니다|않습니다)",
)
REFUSAL: Final = rf"^[\s\W]*(?:{'|'.join(_ENGLISH + _OTHER_LANGUAGES)})"
"""An assistant's answer that begins with a refusal."""

_BOILERPLATE: Final = (
    # Filled in by designers, and by templates: C4 leaves out such pages.
    r"lorem ipsum dolor",
    # What a page says when it is read without a browser: C4 leaves out such lines.
    r"(?:enable|activate|turn on) javascript",
    r"javascript (?:must be|has to be|needs to be|is) (?:enabled|disabled|required|turned)",
    # Notices around a page.
    r"(?:we|(?:this|our) (?:web ?)?site) uses? (?:\w+ )?cookies",
    r"(?:accept|manage|reject) (?:all )?cookies",
    r"(?:use|usage) of cookies|cookie (?:notice|settings|preferences)",
    r"all rights reserved\W*$",
    r"^\W*(?:subscribe to|sign up for) (?:our|the) newsletter",
    # What a program shows instead of an answer.
    r"there was an error generating a response",
    r"^\W*too many requests\b",
    r"the server (?:had an error|is currently overloaded)",
    r"^\W*(?:network error|regenerate response|something went wrong)\W*$",
)
BOILERPLATE: Final = "|".join(f"(?:{phrase})" for phrase in _BOILERPLATE)
"""Matches a line that comes from a web page or a program, not from a speaker."""
