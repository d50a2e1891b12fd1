# ruff: noqa: RUF001 - punctuation of other scripts is what is looked for
"""Regular expressions of RE2 for what programs say when they fail. They ignore case."""

from typing import Final

_REST: Final = r"(?:[\s.,:;!?…。，：！،।-][^\n]*)?"
"""The rest of a message, which begins with a new word."""
_MORE: Final = r"[^\n]{0,120}"
"""The rest of a message in scripts and languages that put endings or other words there. RE2 takes
milliseconds to compile it, so it is in the expression once."""

_ENGLISH: Final = (
    r"(?:http )?(?:error|status)(?: code)?:? ?[\[(]?[45]\d\d\b[^\n]*",
    r"(?:http )?[45]\d\d:? (?:error|internal server error|bad gateway|service unavailable"
    r"|gateway time-?out|too many requests|unauthorized|forbidden|not found|bad request)[^\n]*",
    r"(?:an? |the )?(?:internal server|network|connection|request|upstream|server|api|unknown"
    r"|unexpected|timeout|rate limit)(?: \w+)? (?:error|failed|timed out|exceeded|reached|lost)"
    r"(?:[.:!,-][^\n]*| (?:while|when|occurred|has occurred|due to|please|for|with)\b[^\n]*)?",
    r"too many requests\b[^\n]*|service (?:temporarily )?unavailable\b[^\n]*|bad gateway",
    r"(?:oops|sorry|uh oh|hmm+)?[,.! …]*(?:there was an error|an (?:unknown |unexpected "
    r"|internal )?error (?:has )?occurred|something (?:seems to have gone|has gone|went) wrong"
    r"|i (?:encountered|ran into) an (?:\w+ )?error)"
    r"(?: (?:while|when|generating|processing|with|on our)[^\n]*|[.!,:;…][^\n]*)?",
    r"(?:the|our) (?:server|service|system)s? (?:had an error|(?:is|are) (?:a bit |currently "
    r"|temporarily |experiencing )*(?:overloaded|unavailable|busy|down|high \w+))[^\n]*",
    r"(?:[\w.-]+ ){1,3}is (?:currently )?(?:at capacity|overloaded|unavailable)"
    r"(?: (?:right now|at the moment|with other requests))[^\n]*",
    r"(?:we(?:['’]re| are) )?(?:currently )?experiencing (?:\w+ )?high (?:demand|traffic|load)\b"
    r"[^\n]*|i(?:['’]m| am) having (?:technical difficulties|trouble (?:connecting|responding"
    r"|reaching the server))[^\n]*",
    r"regenerate response|(?:that|this|the) model is currently overloaded[^\n]*"
    r"|this model['’]s maximum context length\b[^\n]*|cuda out of memory\b[^\n]*",
    r"(?:you(?:['’]ve| have) (?:reached|exceeded|hit) (?:your|the) (?:\w+ )?(?:limit|quota|cap)"
    r"|you exceeded your (?:current )?(?:quota|limit)|(?:usage |rate )?(?:limit|quota) (?:reached"
    r"|exceeded))\b[^\n]*|you are being rate limited[^\n]*",
    r"(?:the |your )?(?:request|connection|operation|session) (?:has |was |is )?(?:timed out"
    r"|aborted|refused|reset|expired|interrupted)\b[^\n]*",
    r"(?:unable|failed|could(?:n['’]t| not)) to? ?(?:connect|fetch|reach|load|send|get)"
    r"(?: (?:to )?(?:the )?(?:server|network|api|service|response|message|data|conversation"
    r"|resource|response from \w+))?(?:[.!:][^\n]*)?",
    r"(?:conversation|model|session|endpoint|deployment) (?:\S+ )?(?:not found|does not exist)\.?",
    r"(?:(?:fatal|request|api|network|server|unknown|system) )?(?:error|exception|failure)"
    r"(?: \w+)?: [^\n]{0,200}(?:tim(?:ed|e) ?out|connect|overload|limit|quota|token|server|request"
    r"|respon|\bapi\b|undefined|null|model|not found|failed|invalid|denied|network|status|stream"
    r"|internal|unavailable|unknown|(?-i:E[A-Z]{5}))[^\n]{0,100}",
)
_OTHER_LANGUAGES: Final = (
    # German
    r"(?:ein )?(?:interner )?(?:server|netzwerk|verbindungs|system)fehler\b[^\n]*"
    r"|zu viele anfragen\b[^\n]*|(?:es ist )?ein (?:\w+ )?fehler (?:ist )?(?:aufgetreten|beim)\b"
    r"[^\n]*|fehler [45]\d\d\b[^\n]*|etwas ist schie?f ?gelaufen\b[^\n]*"
    r"|(?:ups|hoppla)[,!.] [^\n]*(?:fehler|schief)[^\n]*|zeitüberschreitung\b[^\n]*"
    r"|(?:die )?verbindung (?:zum server )?(?:ist )?(?:fehlgeschlagen|unterbrochen|verloren)[^\n]*",
    # French
    rf"erreur (?:interne|réseau|du serveur|de connexion|[45]\d\d)\b[^\n]*|une erreur"
    r" (?:\w+ ){0,2}(?:s['’]est produite|est survenue)[^\n]*|trop de (?:requêtes|demandes)\b[^\n]*"
    rf"|(?:un problème est survenu|délai d['’]attente (?:dépassé|expiré)){_REST}"
    r"|quelque chose (?:s['’]est mal passé|a mal tourné)[^\n]*",
    # Spanish
    r"error (?:interno|de (?:red|conexión|servidor)|del servidor|[45]\d\d)\b[^\n]*"
    r"|(?:se )?ha(?: ocurrido| producido)? un error\b[^\n]*|demasiadas solicitudes\b[^\n]*"
    r"|(?:se produjo|ocurrió) un error\b[^\n]*|algo (?:salió|ha salido|fue) mal\b[^\n]*"
    r"|tiempo de espera agotado\b[^\n]*",
    # Portuguese
    r"erro (?:interno|de (?:rede|conexão|servidor)|no servidor|[45]\d\d)\b[^\n]*"
    r"|(?:ocorreu|houve) um erro\b[^\n]*|muitas (?:requisições|solicitações)\b[^\n]*"
    r"|algo deu errado\b[^\n]*|tempo (?:limite )?(?:de espera )?(?:esgotado|excedido)\b[^\n]*",
    # Italian
    r"errore (?:interno|di (?:rete|connessione)|del server|[45]\d\d)\b[^\n]*"
    r"|si è verificato un (?:errore|problema)\b[^\n]*|troppe richieste\b[^\n]*"
    r"|qualcosa è andato storto\b[^\n]*|tempo scaduto\b[^\n]*",
    # Dutch
    r"(?:server|netwerk|verbindings)fout\b[^\n]*|er is (?:een (?:\w+ )?(?:fout|probleem)"
    r"|iets (?:mis|fout) ?(?:ge)?ga+n)\b[^\n]*|er ging iets mis\b[^\n]*|te veel verzoeken\b[^\n]*",
    # Scandinavian languages and Finnish
    rf"(?:ett |det har |det )?(?:\w+ ?)?(?:fel|server ?fel) (?:har )?(?:uppst\w+|inträff\w+){_REST}"
    rf"|något gick (?:fel|snett){_REST}|(?:server|nätverks|nettverks|netværks)fei?l{_REST}",
    rf"(?:der|det) (?:er |har )?(?:opst\w+|oppst\w+|skjed\w+|sket) en (?:\w+ )?fei?l{_REST}"
    rf"|noget gik galt{_REST}|noe gikk galt{_REST}",
    rf"(?:tapahtui|on tapahtunut) (?:\w+ )?virhe{_REST}|jokin meni (?:pieleen|vikaan){_REST}"
    rf"|(?:palvelin|verkko|yhteys)virhe{_REST}",
    # Slavic languages
    rf"(?:wystąpił|napotkano) (?:\S+ )?błąd{_REST}"
    rf"|błąd (?:serwera|sieci|połączenia|[45]\d\d){_REST}"
    rf"|coś poszło nie tak{_REST}|(?:zbyt wiele żądań|przekroczono (?:limit|czas)){_REST}",
    rf"(?:došlo k|nastala|vyskytla sa|vyskytla se) (?:\S+ )?chyb[aěe]{_REST}"
    rf"|chyba (?:serveru|servera|sítě|siete|připojení|pripojenia|[45]\d\d){_REST}"
    rf"|něco se (?:pokazilo|nepovedlo){_REST}|niečo sa pokazilo{_REST}",
    r"(?:внутренняя )?ошибка (?:сервера|сети|соединения|подключения|[45]\d\d)[^\n]*"
    rf"|(?:произошла|возникла) (?:\S+ )?ошибка{_REST}|слишком много запросов[^\n]*"
    rf"|что-то пошло не так{_REST}|(?:превышено время ожидания|сервер недоступен){_REST}",
    rf"(?:сталася|виникла) (?:\S+ )?помилка{_REST}|помилка (?:сервера|мережі|з['’]єднання){_REST}"
    rf"|щось пішло не так{_REST}|възникна (?:\S+ )?грешка{_REST}|нещо се обърка{_REST}"
    rf"|(?:došlo je do|dogodila se|дошло је до) (?:\S+ )?(?:po)?(?:greške|greška|грешке){_REST}",
    # Hungarian, Romanian, Greek, Turkish
    rf"(?:(?:váratlan )?hiba (?:történt|lépett fel)|valami (?:hiba történt|elromlott)"
    rf"|(?:szerver|hálózati )hiba){_REST}",
    rf"(?:a apărut|s-a produs|a intervenit) o eroare{_REST}|eroare (?:de (?:server|rețea)|internă)"
    rf"{_REST}|ceva nu a mers bine{_REST}",
    rf"(?:παρουσιάστηκε|προέκυψε|συνέβη) (?:\S+ )?σφάλμα{_REST}|σφάλμα (?:διακομιστή|δικτύου"
    rf"|σύνδεσης){_REST}|κάτι πήγε (?:στραβά|λάθος){_REST}",
    rf"(?:beklenmeyen )?bir (?:hata|sorun|şeyler) (?:oluştu|meydana geldi|ters gitti){_REST}"
    rf"|bir şeyler ters gitti{_REST}|çok fazla istek{_REST}",
    # South-East Asia
    rf"đã (?:xảy ra|có) (?:một )?lỗi{_REST}|lỗi (?:máy chủ|mạng|kết nối){_REST}"
    rf"|(?:telah )?terjadi (?:kesalahan|ralat|galat){_REST}|kesalahan (?:server|jaringan){_REST}",
    # Chinese, Japanese, Korean
    r"(?:网络|網路|服务器|伺服器|系统|系統|连接|連線|请求|請求|内部|內部)(?:内部)?(?:错误|錯誤|异常"
    r"|異常|超时|逾時|繁忙|忙碌|出错|失败|失敗)[^\n]*|(?:请求过于频繁|請求過於頻繁|出错了|出錯了)[^\n]*"
    r"|[发發]生(?:了)?(?:未知)?(?:错误|錯誤)[^\n]*|(?:错误|錯誤)(?:代码)?[:： ]*[45]\d\d[^\n]*",
    r"(?:\S{0,12})?エラーが発生しました[^\n]*|(?:サーバー|ネットワーク|通信)エラー[^\n]*"
    r"|リクエストが多すぎます[^\n]*|(?:接続が)?タイムアウト(?:しました|です)[^\n]*"
    r"|(?:サーバー|ネットワーク)(?:に接続できません|に問題が)[^\n]*",
    r"(?:\S{0,12} ?)?오류가 발생했습니다[^\n]*|(?:서버|네트워크) 오류[^\n]*"
    r"|요청이 너무 많습니다[^\n]*|(?:서버|네트워크)에 (?:연결할 수 없습니다|문제가)[^\n]*"
    r"|문제가 발생했습니다[^\n]*|(?:요청 )?시간이? 초과[^\n]*",
)
_WITH_ENDINGS: Final = (
    # Turkish
    r"(?:sunucu|ağ|bağlantı) hatası",
    # Arabic, Persian, Hebrew, Hindi
    r"(?:لقد )?حدث (?:خطأ|خلل)|خطأ (?:في (?:الخادم|الشبكة|الاتصال)|داخلي)"
    r"|فشل (?:الاتصال|الطلب)|طلبات كثيرة جدا",
    r"(?:خطا(?:یی)?|مشکلی) (?:رخ داد|پیش آمد)|خطای (?:سرور|شبکه)",
    r"(?:אירעה|התרחשה|קרתה) שגיאה|שגיאת (?:שרת|רשת)|משהו השתבש",
    r"(?:एक )?(?:\S+ )?(?:त्रुटि|गड़बड़ी|समस्या) (?:हुई|आई|हो गई|उत्पन्न)|कुछ गलत हो गया"
    r"|(?:सर्वर|नेटवर्क) (?:त्रुटि|में त्रुटि)",
    # Thai
    r"เกิดข้อผิดพลาด|มีบางอย่างผิดพลาด",
)
_BEFORE: Final = r"^[\s\p{So}\p{Mn}\"'`*!\[(]*"  # signs of warning and quotation marks
ERROR_MESSAGE: Final = (
    rf"{_BEFORE}(?:{'|'.join(_ENGLISH + _OTHER_LANGUAGES)}|(?:{'|'.join(_WITH_ENDINGS)}){_MORE})"
    r"[\s\"'`*.!。！\])]*$"
)
"""An answer that is the message of a program that failed to give one."""

_FENCE: Final = r"(?:```\w*\n)?"
_EXCEPTION: Final = r"(?-i:(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Interrupt))"
_FAILURE: Final = (
    r"(?:[45]\d\d\b|error|forbidden|access denied|not found|bad gateway|unavailable|time-?out"
    r"|just a moment|attention required)"
)
_ERROR_OBJECT: Final = r"[\"'](?:error|errors|exception|fault)[\"']\s*:\s*(?:[\"']\w|[\[{]|true\b)"
_FIELD: Final = r"[\"']\w+[\"']\s*:\s*(?:[\"'][^\"'\n]*[\"']|[\w.+-]+)\s*,\s*"
_OUTPUTS: Final = (
    # A traceback of Python: indented lines, and the exception.
    r"traceback \(most recent call last\):(?:\n[ \t]+[^\n]*)*(?:\n[\w.]+(?::[^\n]*)?)?",
    # The last line of one, or that of Java and JavaScript with the calls beneath.
    r"(?:uncaught |unhandled exception[.:] )?(?:\(in promise\) )?"
    rf"{_EXCEPTION}(?:\([^\n]*\)|:[^\n]*)?(?:\n\s+at [^\n]*)*",
    r"error: [^\n]*(?:\n\s+at [^\n]*)+",
    r"(?:fatal error: |panic: |thread '\w+' panicked )[\s\S]*",
    # JSON with an error, or with the status of one.
    rf"\{{\s*(?:{_FIELD}){{0,4}}{_ERROR_OBJECT}[\s\S]*\}}",
    rf"\{{\s*(?:{_FIELD}){{0,2}}[\"'](?:code|status|status_?code)[\"']\s*:\s*[\"']?[45]\d\d[\"']?"
    r"\s*[,}][\s\S]*\}?",
    r"\{\s*[\"'](?:detail|message|msg)[\"']\s*:\s*[\"'](?:internal server error|not "
    r"(?:authenticated|found|authorized)|(?:un|not )authori[sz]ed|forbidden|too many requests"
    r"|rate limit|endpoint request timed out|service unavailable|limit exceeded"
    r"|missing authentication)[\s\S]*\}",
    # A page of HTML whose title or heading is an error.
    r"(?:<!doctype html[^>]*>\s*)?<html[^>]*>[\s\S]*<(?:title|h1)>[^<\n]{0,40}?"
    rf"{_FAILURE}[\s\S]*</html>",
)
ERROR_OUTPUT: Final = rf"{_BEFORE}{_FENCE}(?:{'|'.join(_OUTPUTS)})\s*(?:```)?\s*$"
"""An answer that is wholly what a failing program puts out: a traceback, JSON or a page of HTML."""
