# ruff: noqa: RUF001 - punctuation of other scripts is what is looked for
"""Regular expressions of RE2 for failed answers and boilerplate. They ignore case."""

from typing import Final

_PLACEHOLDERS: Final = (
    r"n\.?/?a\.?|t\.?b\.?[ad]\.?|to ?do|fixme|placeholder|x{3,}|[.…_\-–—*。]+"
    r"|(?:todo|tbd|fixme)\b[^\n]{0,60}",
    r"[\[<{(]+[^\[\]<>{}()=\n]{0,40}\b(?:answer|response|text|reply|output|content"
    r"|insert|enter|fill"
    r"|type|add|write|completion|your|antwort|text|einfügen|réponse|texte|insérer|respuesta|texto"
    r"|insertar?|inserir|resposta|risposta|testo|inserisci|ответ|текст|вставьте|вставить)\b"
    r"[^\[\]<>{}()\n]{0,40}[\]>})]+",
    r"[\[<{(【「（《]+[^\n\]】」）》]{0,20}(?:回答|答案|内容|文本|回复|输入|填写|回答|答え|入力"
    r"|テキスト|답변|내용|입력)"
    r"[^\n\]】」）》]{0,20}[\]>})】」）》]+",
    r"(?:(?:the |your |my |insert |enter )+(?:answer|response|text|reply|output) (?:goes )?here)",
    r"(?:insert|enter|type|write|add) (?:your |the |an? )?(?:answer|response|text|reply|output)"
    r"(?: here)?|(?:your|sample|example|dummy) (?:answer|response|reply)",
    r"(?:hier )?(?:ihre|deine) antwort(?: hier)?|votre réponse(?: ici)?|(?:tu"
    r"|su) respuesta(?: aquí)?"
    r"|sua resposta(?: aqui)?|(?:la tua|la sua) risposta(?: qui)?|ваш ответ(?: здесь)?"
    r"|待补充|待填写|待定|此处填写(?:答案|内容)?|未定|(?:여기에 )?답변(?:을 입력하세요)?"
    r"|ここに回答を?(?:入力)?",
    r"lorem ipsum dolor sit amet[^\n]*",
)
_REPRS: Final = (
    r"<[^<>\n]{1,120} (?:object )?at 0x[0-9a-f]+>|\[object \w+\]|<(?:class|function|module"
    r"|generator"
    r"|bound method|built-in)\b[^<>\n]{1,120}>|none|nan|null|undefined|nil|\(null\)|<null>|nonetype"
    r"|[\w.]+@[0-9a-f]{6,8}|promise \{[^\n]{0,20}\}|\{\}|\[\]|\(\)|''|\"\"|\[?(?:null|none)\]?"
    r"|(?:\w+\.)*\w+\(\w+=(?:none|null)(?:, \w+=(?:none|null))*\)|system\.\w+(?:\.\w+)*(?:\[\])?"
    r"|#<\w+(?:::\w+)*:0x[0-9a-f]+[^\n]{0,80}>",
)
_ERRORS: Final = (
    r"(?:http )?(?:error|status)(?: code)?:? ?[\[(]?[45]\d\d\b[^\n]*",
    r"(?:http )?[45]\d\d:? (?:error|internal server error|bad gateway|service unavailable"
    r"|gateway time-?out|too many requests|unauthorized|forbidden|not found|bad request)[^\n]*",
    r"(?:an? |the )?(?:internal server|network|connection|request|upstream|server|api|unknown"
    r"|unexpected|timeout|rate limit)(?: \w+)? (?:error|failed|timed out|exceeded|reached)"
    r"(?:[.:!,-][^\n]*| (?:while|when|occurred|has occurred|due to|please|for)\b[^\n]*)?",
    r"too many requests\b[^\n]*",
    r"(?:oops|sorry|uh oh)?[,.! ]*(?:there was an error|an (?:unknown |unexpected "
    r"|internal )?error "
    r"(?:has )?occurred|something went wrong)(?: (?:while|when|generating|processing|with)[^\n]*"
    r"|[.!,:;][^\n]*)?",
    r"the server (?:had an error|is (?:currently |temporarily )?(?:overloaded|unavailable))[^\n]*",
    r"(?:that|this|the) model is currently overloaded[^\n]*|regenerate response",
    r"(?:rate limit|quota) (?:reached|exceeded)[^\n]*|you exceeded your current quota[^\n]*",
    r"(?:the )?(?:request|connection|operation) (?:was )?(?:timed out|aborted|refused|reset)[^\n]*",
    r"(?:error|exception|fatal|failed)(?: \w+)?: [^\n]{0,200}(?:tim(?:ed|e) ?out|connection"
    r"|overloaded"
    r"|rate limit|quota|token|server|response|request|api|undefined|null)[^\n]{0,100}",
    r"(?:ein )?(?:interner )?(?:server|netzwerk|verbindungs)fehler\b[^\n]*"
    r"|zu viele anfragen\b[^\n]*"
    r"|(?:es ist )?ein (?:\w+ )?fehler (?:ist )?(?:aufgetreten|beim)[^\n]*|fehler [45]\d\d\b[^\n]*",
    r"erreur (?:interne|réseau|[45]\d\d)\b[^\n]*|une erreur (?:\w+ )?(?:s['’]est produite"
    r"|est survenue)[^\n]*|trop de (?:requêtes|demandes)\b[^\n]*",
    r"error (?:interno|de (?:red|conexión|servidor)|del servidor|[45]\d\d)\b[^\n]*"
    r"|(?:se )?ha(?: ocurrido| producido)? un error\b[^\n]*|demasiadas solicitudes\b[^\n]*"
    r"|se produjo un error\b[^\n]*",
    r"erro (?:interno|de (?:rede|conexão|servidor)|[45]\d\d)\b[^\n]*|ocorreu um erro\b[^\n]*"
    r"|muitas (?:requisições|solicitações)\b[^\n]*",
    r"errore (?:interno|di (?:rete|connessione)|del server|[45]\d\d)\b[^\n]*"
    r"|si è verificato un errore\b[^\n]*|troppe richieste\b[^\n]*",
    r"(?:внутренняя )?ошибка (?:сервера|сети|соединения|подключения|[45]\d\d)[^\n]*"
    r"|произошла ошибка[^\n]*|слишком много запросов[^\n]*",
    r"(?:网络|服务器|系统|连接|请求|内部)(?:内部)?(?:错误|异常|超时|繁忙|出错|失败)[^\n]*"
    r"|请求过于频繁[^\n]*|出错了[^\n]*"
    r"|发生(?:了)?(?:未知)?错误[^\n]*|错误(?:代码)?[:： ]*[45]\d\d[^\n]*",
    r"(?:\S{0,12})?エラーが発生しました[^\n]*|(?:サーバー|ネットワーク|通信)エラー[^\n]*"
    r"|リクエストが多すぎます[^\n]*",
    r"(?:\S{0,12} ?)?오류가 발생했습니다[^\n]*|(?:서버|네트워크) 오류[^\n]*"
    r"|요청이 너무 많습니다[^\n]*",
)


def _whole(phrases: tuple[str, ...]) -> str:
    return rf"^[\s\"'`*]*(?:{'|'.join(phrases)})[\s\"'`*.!。！]*$"


PLACEHOLDER: Final = _whole(_PLACEHOLDERS)
"""An answer that stands where an answer was to be filled in."""
REPR: Final = _whole(_REPRS)
"""An answer that is what a program prints for an object or for nothing."""
ERROR_MESSAGE: Final = _whole(_ERRORS)
"""An answer that is the message of a program that failed to give one."""
FAILED_CHARACTERS: Final = 300
"""A longer answer is no placeholder, no repr and no error message."""
ASKED_FOR: Final = (
    r"error|\bfail|\bhttp|status|exception|placeholder|template|\bnull\b|\bnone\b|\bnan\b|undefined"
    r"|\bnil\b|\bn/?a\b|print|output|return|\bcode\b|console|lorem|filler|ellips|todo|blank|repr\b"
    r"|object|python|javascript|terminal|shell|sql|regex|morse|function|program|fehler|erreur"
    r"|erro\b"
    r"|errore\b|ошибк|错误|報錯|报错|エラー|오류|ausgabe|sortie|salida|saída|código|输出|代码"
    r"|if (?:there|it|you|no)"
    r"|otherwise|xxx|which of|any of|classif|punctuat|dash|empty|extract|\blist|json|array|how many"
    r"|missing|占位|空|排错|mensaje|message|meldung|log\b|dummy|sample"
)
"""Found in prompts whose right answer may look like a placeholder, a repr or an error message."""
ASKED_AGAIN: Final = (
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
