# ruff: noqa: RUF001 - punctuation of other scripts is what is looked for
"""Regular expressions of RE2 for answers that are none, and for boilerplate. They ignore case.

What is none to one prompt is the right answer to another: `---` is how Markdown draws a line. So
each kind has a second expression, which is found in such prompts.
"""

from typing import Final

_ANSWER: Final = (
    r"answer|response|text|reply|output|content|completion|summary|poem|story|insert|enter|fill"
    r"|type|add|write|your|antwort|text|einfügen|réponse|texte|insérer|respuesta|texto|insertar?"
    r"|inserir|resposta|risposta|testo|inserisci|antwoord|invullen|svar|skriv|indsæt|sett inn"
    r"|vastau\w*|kirjoita|odpowied\w*|wpisz|odpověď|odpoveď|vložte|ответ|текст|вставьте|вставить"
    r"|введите|відповідь|введіть|отговор|ceva[bp]\w*|yanıt\w*|yazın|câu trả lời|nhập|jawaban|isi"
    r"|απάντησ\w*|válasz\w*|răspuns\w*|introduceți"
)
_ANSWER_UNSPACED: Final = (
    r"回答|答案|内容|內容|文本|回复|回覆|输入|輸入|填写|填寫|答え|入力|テキスト|답변|내용|입력|إجابة"
    r"|الإجابة|إجابتك|النص|پاسخ|תשובה|उत्तर|जवाब|คำตอบ"
)
_NO_ANSWER: Final = (
    r"no (?:answer|response|reply|output)(?: (?:given|provided|yet|available))?|keine antwort"
    r"|pas de réponse|sin respuesta|sem resposta"
    r"|nessuna risposta|geen antwoord|inget svar|intet svar|ei vastausta|brak odpowiedzi"
    r"|žádná odpověď|bez odpovědi|нет ответа|без ответа|немає відповіді|няма отговор|cevap yok"
    r"|yanıt yok|لا (?:يوجد رد|توجد إجابة|إجابة)|कोई उत्तर नहीं|không có (?:câu )?trả lời"
    r"|tidak ada jawaban|χωρίς απάντηση|nincs válasz|fără răspuns|[无無](?:回答|答案|回复)|暂无回答"
    r"|回答なし|未回答|(?:답변|응답) 없음"
)
_OPEN: Final = r"[\[<{(【「（《［]+"
_CLOSE: Final = r"[\]>})】」）》］]+"
_BLANKS: Final = (
    # RE2 knows no boundaries of words but those of ASCII.
    rf"[\[<{{(]+(?:[^\[\]<>{{}}()=\n]{{0,40}}[^\pL\[\]<>{{}}()=\n])?(?:{_ANSWER})"
    r"(?:[^\pL\[\]<>{}()\n][^\[\]<>{}()\n]{0,40})?[\]>})]+",
    rf"{_OPEN}[^\n\]】」）》]{{0,20}}(?:{_ANSWER_UNSPACED})[^\n\]】」）》]{{0,20}}{_CLOSE}",
    rf"(?:{_OPEN})?(?:{_NO_ANSWER})(?:{_CLOSE})?|{_OPEN}(?:empty|blank|none|nothing|leer|vide){_CLOSE}",
    r"(?:the |your |my |insert |enter |an? )*(?:answer|response|text|reply|output)"
    r"(?: (?:will )?(?:goes|go|comes) here| here)",
    r"(?:insert|enter|type|write|add) (?:your |the |an? )?(?:answer|response|text|reply|output)"
    r"(?: here)?|(?:your|sample|example|dummy) (?:answer|response|reply)|(?:answer|response):",
    r"(?:hier )?(?:ihre|deine) antwort(?: hier)?|votre réponse(?: ici)?|(?:tu"
    r"|su) respuesta(?: aquí)?"
    r"|sua resposta(?: aqui)?|(?:la tua|la sua) risposta(?: qui)?|ваш ответ(?: здесь)?"
    r"|待补充|待填写|待定|此处填写(?:答案|内容)?|未定|(?:여기에 )?답변(?:을 입력하세요)?"
    r"|ここに回答を?(?:入力)?",
    r"lorem ipsum dolor sit amet[^\n]*",
)
_MARKS: Final = (
    # "Na" and "NaN" are something else.
    r"n\.?/a\.?|n\.a\.?|(?-i:NA|na)|t\.?b\.?[ad]\.?|to ?do|fixme|placeholder|x{3,7}"
    r"|[.…_\-–—*。]+|[?？]{2,7}|(?:todo|tbd|fixme)\b[^\n]{0,60}",
)
_VALUES: Final = (
    # As programs print them: `Null` and `None.` are words of a sentence.
    r"(?-i:None|NaN|nan|null|NULL|undefined(?: undefined)*|nil|NoneType|\(null\)|<null>|\[null\]"
    r"|\[None\])|promise \{[^\n]{0,20}\}|\{\}|\[\]|\(\)|''|\"\"|b''|b\"\"",
)
_OBJECTS: Final = (
    r"<[^<>\n]{1,120} (?:object )?at 0x[0-9a-f]+>|\[object \w+\]|<(?:class|function|module"
    r"|generator|coroutine|bound method|built-in|response|request|queryset|future|task|iterator)\b"
    r"[^<>\n]{0,120}>|[\w.]+@[0-9a-f]{6,8}|(?:dict|odict)_(?:keys|values|items)\([^\n]*\)"
    r"|system\.\w+(?:\.\w+)*(?:\[\])?|#<\w+(?:::\w+)*:0x[0-9a-f]+[^\n]{0,80}>",
    # The constructor of a class, called with names of arguments.
    r"(?-i:(?:\w+\.)*[A-Z]\w*[a-z]\w*)\(\w+=[\s\S]*\)",
    r"\{\s*[\"'](?:id[\"']\s*:\s*[\"']chatcmpl|choices[\"']\s*:\s*\[)[\s\S]*\}",
)


def _whole(phrases: tuple[str, ...], end: str = r"[\s\"'`*.!。！]*") -> str:
    return rf"^[\s\"'`*]*(?:{'|'.join(phrases)}){end}$"


BLANK: Final = _whole(_BLANKS)
"""An answer that stands where an answer was to be filled in."""
MARK: Final = _whole(_MARKS)
"""An answer that is a mark or an abbreviation which stands for nothing."""
VALUE: Final = _whole(_VALUES, r"[\s\"'`*]*")
"""An answer that is what a program prints for nothing."""
OBJECT: Final = _whole(_OBJECTS)
"""An answer that is what a program prints for an object."""

OTHER_TEXT: Final = (
    r"\b(?:translat|paraphras|rephras|rewrit|proofread|übersetz|tradui|traduc|traduz|vertaal"
    r"|przetłumacz|çevir|terjemah)|перевед|переклад|ترجم|翻译|翻譯|訳して|번역"
)
"""Found in prompts whose answer is somebody else's text, in another language or other words."""
_ABOUT_CODE: Final = (
    r"\bcode\b|python|javascript|\bjava\b|ruby|rust\b|\bphp\b|\bsql\b|json|xml|yaml|html|\bcss\b"
    r"|regex|terminal|shell|console|script|program|function|object|instance|\bclass\b|dataclass"
    r"|\bapi\b|endpoint|print|output|return|repr\b|ausgabe|sortie|salida|saída|código|输出|代码|コード"
    r"|코드|keyword|variable|typeof|array|\bcall\b|\bhttp|\bweb ?(?:page|site)|\bpage\b|seite\b"
    r"|página|pagina|страниц|网页|ページ|\w\(|\]\[|[{};`]|\w\.\w+\(|->|=>"
)
_ABOUT_ERRORS: Final = (
    r"error|\bfail|exception|\braise|\bthrow|traceback|\bcrash|\bbug|debug|\bstatus|\bhttp"
    r"|\b[45]\d\d\b|fehler|erreur|erro\b|errore\b|fout|virhe|błąd|chyb|помилк|ошибк|hata\b|خطأ|त्रुटि"
    r"|错误|錯誤|報錯|报错|エラー|오류"
)
ASKED_BLANK: Final = (
    r"placeholder|template|\bforms?\b|formular|field|\bfeld|worksheet|blank|\bempty|lücke|quiz"
    r"|questionnaire|lorem|\bfill|dummy|blindtext|faux texte|sample|mark the|\binput\b"
    r"|\blatin\b|占位|空"
)
"""Found in prompts whose right answer may be a blank to fill in."""
ASKED_MARK: Final = (
    rf"{ASKED_BLANK}|ellips|\btodo|todo\b|xxx|punctuat|\bn/?a\b|\btb[ad]\b|\bmark|\bsign\b|\bsymbol"
    r"|\bdot|\bpoints?\b|\bdash|\bstar|asteris|undersc|\bstroke|\blines?\b|\brule\b|\brow\b|separat"
    r"|\bdivider|morse|telegra|pattern|\bseries|sequence|continue|\bnext\b|\bdraw|\bboard|\bgrid"
    r"|markdown|yaml|comic|bubble|silen|\brest\b|chess|roman\b|\bnumer|digits|abbrev|\bshort (?:for"
    r"|form)|stands? for|acronym|initials|determined|announced|applicable|timetable|if (?:there|it"
    r"|you|no)|otherwise|missing|zeichen|symbole|signe\b|símbolo|signo|sinal|simbolo|segno|символ"
    r"|знак|符号|符號|記号|기호|römisch|romain|roman[oi]s?\b|римск|罗马|羅馬|ローマ|abkürz|abrév|abrev"
    r"|сокращ|缩写|縮寫|略語|약자|punkte|striche?\b|linie|points?\b|tirets?|puntos|línea|linha|точк"
    r"|省略|破折|虚线|横线|점선|줄임표"
)
"""Found in prompts whose right answer may be a mark or an abbreviation."""
ASKED_VALUE: Final = (
    rf"{_ABOUT_CODE}|\bnull\b|\bnone\b|\bnan\b|undefined|\bnil\b|\bn/?a\b|if (?:there|it|you|no)"
    r"|otherwise|which of|which ones?|\bany\b|classif|\bempty|extract|\blist"
    r"|how (?:many|much)|missing|opposite|antonym|^\W*(?:do|does|did|has|have|had|is|are|was|were) "
    # Calculations, whose answer may be NaN.
    r"|\d\s*[-+*/^×÷:]\s*\(?-?\d|[√∞]|\binf\b|infinit|divid|\bfloat|\bieee\b|\blog\b|\bsqrt|\btan\b"
    r"|\bslope|\blimit|calcul|arithmetic|precision|geteilt|divis|раздели"
)
"""Found in prompts whose right answer may be nothing, or no number."""
ASKED_OBJECT: Final = rf"{_ABOUT_CODE}|{_ABOUT_ERRORS}|\blog\b|\bbody\b|response"
"""Found in prompts whose right answer may be what a program prints."""
ASKED_ERROR: Final = (
    rf"{_ABOUT_ERRORS}|{OTHER_TEXT}|message|mensaje|meldung|nachricht|komunikat|mesaj|сообщен"
    r"|消息|提示|メッセージ|메시지|رسالة|\blog\b|\bsite\b|\bserver|\bapp\b|\bsay(?:s|ing)?\b|connection"
    r"|\bdown\b|maintenance|print|output|console|terminal|website|säger man|wie sagt man"
)
"""Found in prompts whose right answer may be a message of an error."""
FAILED_CHARACTERS: Final = 300
"""Length of the longest answer that can be a placeholder, a value or a message of an error."""
OUTPUT_CHARACTERS: Final = 4000
"""Length of the longest answer that can be an object, or the output of a program that failed."""
ASKED_AGAIN: Final = (
    rf"{ASKED_MARK}|"
    r"repeat|\btimes\b|again|wiederhol|répèt|repit|repet|ripet|повтор|重复|次|繰り返|반복"
    r"|\bdraw|\bgrid|\bboard\b|\bmatrix|\bpattern|\bbinary|\bunary|\bones\b|\bzeros?\b|\bsongs?\b"
    r"|\bsing\b|\brefrain|\bchant|\bmantra|\blaugh"
)
"""Found in prompts whose right answer may say one thing again and again."""

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
