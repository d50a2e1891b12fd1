# ruff: noqa: RUF001 - quotation marks and commas of other scripts are what is looked for
"""Regular expressions of RE2 for refusals in their usual words. They ignore case."""

from typing import Final

from app.curation.rules.curating.answers.phrases import OTHER_TEXT

_REST: Final = r"[^.!?。！？\n]*"  # of the sentence
_APOLOGY: Final = (
    r"(?:i(?:['’]m| am) (?:\w+ )?(?:sorry|afraid)|(?:my )?(?:sincere )?apologies"
    r"|i (?:sincerely |do )?apologi[sz]e|(?:so |very )?sorry|unfortunately|regrettably)"
)
_CANNOT: Final = (
    r"\bi (?:(?:\w+ )?(?:can(?:['’]t|not| not)|could(?:n['’]t| not)|won['’]t|will not)"
    r"|(?:must|have to|would have to|would prefer to|['’]d rather not)"
    r"(?: \w+)? (?:decline|refuse|refrain)"
    r"|(?:am|['’]m) (?:\w+ )?(?:not able|unable|not allowed|not permitted|not programmed"
    r"|not designed|not comfortable|not going|not in a position|incapable)"
    r"|(?:do(?:n['’]t| not)) (?:feel comfortable|think (?:i can|it))|(?:have to|must) decline)"
    r"|\bi['’]m (?:\w+ )?(?:not able|unable|not allowed|not permitted|not programmed|not designed"
    r"|not comfortable|not going|not in a position|incapable)|\bi can['’]t\b"
)
_LACK: Final = (
    r"\bi (?:(?:\w+ )?do(?:n['’]t| not) (?:\w+ )?(?:have|possess|experience|hold|condone)"
    r"|(?:am|['’]m) (?:not capable|just)|lack)|\bi['’]m not capable|not (?:possible|appropriate)"
)
_AS_MODEL: Final = (
    r"(?:as|i(?:['’]m| am)(?: just| only)?) an? (?:\w+ )?(?:\w+ )?(?:ai\b|artificial intelligence"
    r"|language model|chatbot|virtual assistant|computer program|assistant)"
)
_ACT: Final = (
    r"(?:assist|help(?: (?:you|with|in|or)\b|[.!,])|fulfil|provide|comply|create|generate"
    r"|engage|answer|write|discuss|participate"
    r"|produce|complete|do (?:that|this|so|what)|respond|access|browse|give (?:you|advice|out|instr"
    r"|info)|offer|share (?:that|this|any|info|personal|details)|support (?:that|this)|satisfy"
    r"|continue with|make (?:that|this)|tell you how|recommend|suggest (?:ways|how)|advise|endorse"
    r"|condone|promote|encourage|facilitate|carry out|perform|process (?:that|this)|accommodate"
    r"|translate|disclose|predict|open (?:links|files)|send|play|search the|watch|listen|speculate)"
)
_MORE_ACTS: Final = (
    r"(?:figure|find|understand|determine|pretend|execute|do\b|say\b|judge|define|make"
    r"|take|identify"
    r"|summari|analy|calculate|conduct|describe|list|explain|verify|view|run|know|retrieve|fetch"
    r"|simulate|follow|proceed|agree|justify|confirm|get|show|display|express|form|come up)"
)
_PLEASED: Final = (
    r"(?:to )?(?:be able to |be of )?(?:directly |actually |ethically |in good conscience )?"
)
_ENGLISH: Final = (
    rf"(?:{_APOLOGY}{_REST})?{_AS_MODEL}{_REST}(?:{_CANNOT}|{_LACK})",
    rf"{_APOLOGY}{_REST}(?:(?:{_CANNOT}) {_PLEASED}(?:{_ACT}|{_MORE_ACTS})|{_LACK})",
    rf"(?:{_CANNOT}) {_PLEASED}{_ACT}",
    rf"{_APOLOGY}{_REST}(?:(?:is|are|would be|goes) (?:\w+ )?(?:illegal|unethical|against"
    r"|inappropriate|not (?:something|appropriate|possible|able|available)|beyond (?:my|the)"
    r"|outside (?:of )?(?:my|the)))",
    r"(?:this|that|your|the) (?:request|question|prompt|content|topic)(?: \w+)? (?:is|goes|violates"
    rf"|falls|contains){_REST}(?:against|violat|inappropriate|cannot|can['’]t|not able|guidelines"
    r"|policy|policies)",
    r"it (?:is|would be|['’]s) (?:not (?:ethical|appropriate|acceptable|legal|possible for me)"
    r"|(?:illegal|unethical|inappropriate|against the law))",
    r"(?:no[,.]? )?i (?:won['’]t|refuse to|decline to|must decline)",
    r"(?:i(?:['’]m| am) not (?:able|allowed|permitted|programmed|comfortable|going)|i am unable"
    rf"|i['’]m unable) (?:to |with )?{_ACT}",
)
_OTHER_LANGUAGES: Final = (
    # German
    rf"als (?:eine? )?(?:ki\b|künstliche intelligenz|(?:\S+ )?(?:ki-)?(?:sprachmodell|assistent))"
    rf"{_REST} (?:nicht|keine?n?)\b",
    rf"(?:es )?(?:tut mir|leider|entschuldigung|verzeihung|ich bedau){_REST} (?:kann|darf|werde"
    rf"|möchte) {_REST}(?:nicht|keine?n?)\b",
    r"(?:das|dabei|dazu|damit|diese (?:anfrage|bitte)|hierbei) (?:kann|darf|werde|muss) ich"
    rf"{_REST} (?:nicht|keine?n?|ablehnen)\b",
    rf"ich (?:kann|darf|werde)\b{_REST} (?:nicht|keine?n?) {_REST}(?:helfen|weiterhelfen"
    rf"|beantworten"
    r"|erfüllen|bereitstellen|geben|unterstützen|erstellen|nachkommen)",
    # French
    r"en tant qu[e'’] ?(?:ia|intelligence artificielle|modèle de langage|assistant)"
    rf"{_REST} (?:ne (?:peux|suis|dispose|possède)|n['’]ai)",
    rf"(?:je suis |je )?(?:vraiment )?(?:désolée?|regrette|navrée?|m['’]excuse|malheureusement)"
    rf"{_REST} (?:ne (?:suis pas|peux pas|peux)|n['’]ai pas)",
    r"je (?:ne (?:peux|suis|dois) (?:pas|malheureusement pas)|refuse de|dois (?:refuser|décliner))"
    rf"{_REST}(?:aider|fournir|répondre|demande|écrire|mesure|autorisé|cela|ça|sujet)",
    # Spanish
    rf"como (?:una? )?(?:\w+ de )?(?:ia\b|inteligencia artificial|modelo de lenguaje|asistente)"
    rf"{_REST} no (?:puedo|tengo|poseo)",
    rf"(?:lo siento|lo lamento|lamento|lamentablemente|me temo|perdón|disculp\w+"
    rf"|desafortunadamente)"
    rf"{_REST} no (?:puedo|me es posible|estoy|tengo|podré)",
    r"(?:no puedo|no me es posible|no estoy (?:autorizad|en condiciones)|me niego a) "
    rf"{_REST}(?:ayud|proporcion|cumpl|gener|respond|solicitud|petición|eso)",
    # Portuguese
    rf"como (?:uma? )?(?:\w+ de )?(?:ia\b|inteligência artificial|modelo de linguagem|assistente)"
    rf"{_REST} não (?:posso|tenho|possuo)",
    rf"(?:desculp\w+|sinto muito|lamento|infelizmente|peço desculpa){_REST} não (?:posso|consigo"
    r"|me é possível|estou|tenho|poderei)",
    r"não (?:posso|consigo|estou autorizad\w) "
    rf"{_REST}(?:ajud|fornec|cumpr|ger|respond|solicitação|pedido|isso)",
    # Italian
    rf"(?:come|in quanto) (?:un['’] ?)?(?:ia\b|intelligenza artificiale|modello linguistico|"
    rf"assistente){_REST} non (?:posso|ho )",
    rf"(?:mi dispiace|sono spiacente|purtroppo|mi scuso|spiacente){_REST} non (?:posso"
    rf"|sono in grado"
    r"|mi è possibile|ho )",
    rf"non (?:posso|sono in grado di|mi è possibile) {_REST}(?:aiut|forni|gener|rispon|richiesta"
    r"|assist)",
    # Dutch
    rf"(?:het spijt me|sorry|helaas){_REST} (?:kan|mag) {_REST}(?:niet|geen)\b",
    rf"als (?:een )?(?:ai|taalmodel){_REST} (?:niet|geen)\b",
    # Polish
    rf"(?:przepraszam|przykro mi|niestety){_REST} nie (?:mogę|jestem w stanie)",
    # Turkish
    rf"(?:üzgünüm|maalesef|özür dilerim){_REST}(?:yardımcı olamam|yapamam|veremem|edemem"
    r"|sağlayamam|yanıtlayamam)",
    # Indonesian
    rf"(?:maaf|mohon maaf){_REST}(?:tidak (?:dapat|bisa)|tak bisa)",
    # Arabic
    rf"(?:آسف|عذر|أعتذر|للأسف){_REST}(?:لا (?:أستطيع|يمكنني)|لا أقدر)",
    # Hindi
    rf"(?:क्षमा|माफ़|माफ|मुझे खेद){_REST}(?:नहीं कर सकत|मदद नहीं|नहीं दे सकत)",
    # Vietnamese
    rf"(?:xin lỗi|rất tiếc){_REST}không thể",
    # Russian
    rf"(?:(?:извините|к сожалению){_REST})?как (?:ии|искусственный интеллект"
    rf"|(?:\S+ )?языковая модель){_REST} не (?:могу|имею|способ)",
    rf"(?:извините|простите|к сожалению|мне (?:очень )?жаль|прошу прощения){_REST} не (?:могу|смогу"
    r"|в состоянии|имею права)",
    rf"я не (?:могу|буду|смогу) {_REST}(?:помо|предостав|выполн|ответ|обсужд)",
    # Chinese
    r"(?:(?:很|非常)?(?:抱歉|遗憾)|对不起|對不起|不好意思)[，,。！]?[^。！？\n]{0,40}(?:无法|無法"
    r"|不能|没有办法"
    r"|不便|不可以|不会)",
    rf"(?:作为|身为|作為|身為)(?:一[个名款種种個])?(?:大型)?(?:人工智能|人工智慧|ai|语言模型"
    rf"|語言模型)"
    rf"{_REST}(?:无法|無法|不能|没有|沒有)",
    r"我(?:无法|無法|不能|不可以)(?:为您|为你|為您|回答|提供|满足|滿足|协助|協助|帮助|幫助|执行"
    r"|讨论|完成|给)",
    # Japanese
    rf"(?:申し訳(?:ありません|ございません|ない(?:です)?)|すみません|ごめんなさい|恐れ入りますが"
    rf"|残念ながら)"
    rf"{_REST}(?:できません|できかねます|できない|致しかねます|いたしかねます|ありません)",
    rf"{_REST}(?:ai|人工知能|言語モデル)(?:アシスタント)?(?:として|である|なので|ですので)"
    rf"{_REST}(?:できません|できない|ありません|できかねます)",
    rf"(?:その|この)?(?:ご(?:質問|要望|依頼)|リクエスト|内容){_REST}(?:お答えできません"
    rf"|お応えできません"
    r"|対応できません|お手伝いできません)",
    # Korean
    rf"(?:(?:정말 )?죄송|미안|유감|안타깝){_REST}(?:없습니다|않습니다|어렵습니다|수 없어요)",
    rf"(?:저는 )?(?:ai|인공지능|언어 모델){_REST}(?:로서|이기 때문에|이므로"
    rf"|이라){_REST}(?:없습니다|않습니다)",
)
REFUSAL: Final = rf"^[\s\W]*(?:{'|'.join(_ENGLISH + _OTHER_LANGUAGES)})"
"""Found in answers that begin with a refusal."""

_ANSWERS_AFTER_ALL: Final = (
    # Wholly in brackets: a blank to fill in.
    r"^\s*[\[<{(][^\[\]<>{}()]*[\]>})]\s*$",
    r"\bcan(?:no|['’])t (?:wait to|help but|believe)\b",
    # Words to say to somebody else.
    r"\byou (?:can|could|may|might) (?:say|write|reply|answer|respond)\b[^.!?\n]{0,20}[:\"“]",
    # A list, a block of code or a table.
    r"\n\s*(?:[-*•]|\d+[.)]) (?s:.*)\n\s*(?:[-*•]|\d+[.)]) |```|\n\|",
    r"\b(?:but|however|that said|nevertheless|nonetheless|based on)\b[^.!?\n]*"
    r"\b(?:here (?:is|are)|here['’]s|i can (?:suggest that|tell you (?:that|about)|give you"
    r" (?:a|some)"
    r"|explain"
    r" (?:that|how)|say|offer you|provide (?:you with )?(?:a|an|some) (?:\w+ )?(?:example|list"
    r"|overview|answer|summary|information|tips|explanation|guid|estimate|recipe|suggest"
    r"|general|steps|idea))|are told|i['’]d say|generally|in general|typically|usually"
    r"|many people|most people|experts|it is (?:generally|widely|commonly|often|likely))",
    # Not "However, I can help with something else" or "However, if you …".
    r"\b(?:but|however)\b,? (?:it|according|the|there|many|some|in|people|this|based"
    r"|these|those|an?"
    r"|from|most|one|we|they|here|research|stud(?:y|ies)|scientists)\b",
    r"\b(?:here (?:is|are)|here['’]s) (?:a|an|the|some|what|how|one|two|three|my)\b",
    r"(?:^|[.!?] )(?:in general|generally(?: speaking)?|typically|to answer your question)\b",
    r"\b(?:aber|jedoch|dennoch)\b[^.\n]*\b(?:hier (?:ist|sind)|üblicherweise|im allgemeinen"
    r"|kann ich (?:ihnen|dir) (?:sagen|erklären)|lässt sich sagen|gilt)",
    r"\b(?:mais|cependant|toutefois)\b[^.\n]*\b(?:voici|en général|je peux vous (?:dire"
    r"|expliquer)"
    r"|on peut dire|généralement)",
    r"\b(?:pero|sin embargo)\b[^.\n]*\b(?:aquí (?:tienes?|está|van?)|en general"
    r"|puedo (?:decirte"
    r"|explicar|contarte)|suele|generalmente)",
    r"\b(?:mas|no entanto|porém)\b[^.\n]*\b(?:aqui (?:está|estão|vai|vão)|em geral"
    r"|posso (?:dizer"
    r"|explicar)|geralmente|costuma)",
    r"\b(?:ma|tuttavia|però)\b[^.\n]*\b(?:ecco|in genere|in generale|posso (?:dirti|dirle"
    r"|spiegar)|di solito)",
    r"\b(?:но|однако)\b[^.\n]*(?:вот|обычно|как правило|могу (?:сказать|рассказать|объяснить))",
    r"(?:但|不过|不過|然而)[^。\n]*(?:以下|一般来说|一般來說|可以告诉|可以告訴|通常|根据|根據"
    r"|建议|可以介绍)",
    r"が、[^。\n]*(?:一般的に|以下|通常|ご紹介|ご説明)|(?:하지만|다만)[^.\n]*(?:일반적으로"
    r"|다음|보통)",
)
ANSWER_AFTER_ALL: Final = "|".join(_ANSWERS_AFTER_ALL)
"""Found in texts that answer after their disclaimer, and in idioms such as "I can't wait to"."""
BRIEF_WORDS: Final = 4
"""Number of words up to which a refusal can also be a "no" to a question."""
ASKS_WHETHER: Final = (
    r"(?:^|[.!?,] *|\n)(?:is|are|was|were|am|do|does|did|has|have|had|may|might|must|shall|should"
    r"|(?:can|could|will|would) (?:i|we|it|he|she|they|one|people|the|an?|my|our|this|that|\w+s)\b)"
    # In other languages any question may be one.
    r"\b[^?]*\?|[^\x00-\x7f][^?？؟]*[?？؟]|か[。]?\s*$|\b(?:ist|sind|darf|kann|muss|hat|puis-je"
    r"|peut-on|est-ce|posso|si pu|es|puedo|pode|mag|kan|czy|smí|saako|onko)\b[^?]*\?"
)
"""Found in prompts whose right answer may be "no" in few words."""
NOT_REFUSED: Final = (
    # To these, "As an AI, I don't have feelings" is the answer.
    r"\b(?:are|do|can|have|did|were|would) you (?:\w+ )?(?:think|feel|conscious|sentient"
    r"|dream|alive"
    r"|real\b|human|an? (?:ai|bot|human|robot|language|person)|have (?:an? |any )?(?:feel|emo|name"
    r"|consc|body|opinion|famil)|believe|love|know who)|who are you|about yourself"
    rf"|{OTHER_TEXT}"
)
"""Found in prompts whose right answer may read like a refusal."""
