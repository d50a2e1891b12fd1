# ruff: noqa: RUF001 - quotation marks and commas of other scripts are meant
from hashlib import sha256

import numpy as np
import pytest

from app.curation.rules.curating.answers.refusal_features import CONCEPTS_FILE
from app.curation.rules.curating.answers.refusals import WEIGHTS_FILE
from app.curation.rules.curating.quality.signals import signals
from tests.app.curation.rules.curating.making import column, turns

REFUSALS = [
    "As an AI language model, I cannot have personal opinions.",
    "As an AI, I don't have feelings or emotions.",
    "I'm sorry, but as an AI language model I can't browse the internet.",
    "I’m sorry, but I can’t assist with that request.",
    "I am sorry, I cannot help you with this.",
    "Sorry, I'm unable to provide that information.",
    "I apologize, but I will not be able to create such content.",
    "Unfortunately, I am not able to fulfill your request.",
    "I cannot fulfill this request.",
    "  **I can't help with that.**",
    "Als KI-Sprachmodell kann ich keine persönliche Meinung haben.",
    "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
    "Tut mir leid, dabei kann ich leider nicht weiterhelfen.",
    "En tant que modèle de langage, je ne peux pas donner d'avis.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Como um modelo de linguagem, não posso opinar.",
    "Come modello linguistico, non posso dare consigli.",
    "К сожалению, как языковая модель, я не могу этого сделать.",
    "作为一个人工智能语言模型，我无法提供医疗建议。",
    "很抱歉，我无法提供这些信息。",
    "申し訳ありませんが、AIとしてその質問にはお答えできません。",
    "죄송하지만 저는 AI 언어 모델로서 의견을 가질 수 없습니다.",
    "That's not something I'm going to help you with.",
    "I don't write insults, and I won't begin now.",
    "Bei so einem Betrug helfe ich nicht.",
    "Tällaista uhkausta en kirjoita.",
    "Ebben nem segítek.",
    "Δεν θα γράψω προσβολές για κανέναν.",
    "لا أكتب رسائل تهديد.",
    "Jag har inte tillgång till aktuella nyheter.",
    "これは違法なので、お手伝いしません。",
    "Als KI-Sprachmodell kann ich das nicht beantworten. Aktienkurse hängen von vielem ab.",
    "I'm not a lawyer, and I don't give legal advice. Please talk to a solicitor.",
    "Je ne suis pas médecin, donc je ne recommande aucun médicament. Consultez un médecin.",
    "Как языковая модель, я не имею мнения о политике. Могу рассказать о чём-нибудь другом.",
    "作为语言模型，我没有立场，也不便评论。",
]
ANSWERS = [
    "As an AI language model, I can help you with that. First, open the file.",
    "I'm sorry to hear that. Losing a friend is hard, and you can't hurry grief.",
    "I'm sorry, I can't believe my eyes, said the knight.",
    "I can't help but notice that the door is open.",
    "I cannot wait to see you tomorrow.",
    "Unfortunately, the train was late, so they walked.",
    "Sorry for the confusion! The answer is 42.",
    "You can say \"I'm sorry, but I can't assist with that\" to refuse politely.",
    "An AI language model does not have feelings.",
    "Als Kind habe ich nicht viel gelesen.",
    "Je suis désolé pour votre perte.",
    "Lo siento mucho por tu pérdida.",
    "对不起，我来晚了。",
    "申し訳ありませんが、少々お待ちください。",
    "The capital of France is Paris.",
    "No, dogs must not eat chocolate.",
    "We won't be open on Monday, but you can call us on Tuesday.",
    "Leider haben wir heute keine Zimmer mehr frei.",
    "Valitettavasti kauppa on kiinni.",
    "Kérem, küldje el a szöveget.",
    "残念ながら、その商品は売り切れです。",
    "!?",
    "Als KI-Sprachmodell habe ich keinen Garten, aber Folgendes raten Gärtner: nach den Eisheiligen"
    " Mitte Mai, an einen sonnigen, vor Regen geschützten Platz, mit 60 Zentimetern Abstand.",
    "I'm not a lawyer, but generally a contract needs an offer, an acceptance and a payment.",
    "I have no personal opinions. People who dislike coriander say it tastes of soap, which is due"
    " to a gene for smelling aldehydes.",
    "Como modelo de lenguaje no tengo jardín, pero los jardineros aconsejan lo siguiente: después"
    " de las últimas heladas, a mediados de mayo, en un lugar soleado.",
    "Как языковая модель, я не имею сада, но садоводы советуют следующее: в середине мая, после"
    " последних заморозков, на солнечном месте.",
    "AI言語モデルとして私には庭がありませんが、園芸家は次のように勧めています。遅霜の終わる五月中旬に、"
    "日当たりがよく雨の当たらない場所に植えます。",
]


def test_refusals_are_distinguished_from_answers() -> None:
    rows = [turns("Please", answer) for answer in [*REFUSALS, *ANSWERS]]
    ratios = [found["refusal_ratio"] for found in signals(column(*rows)).to_pylist()]
    refused = [row[1]["content"] for row, ratio in zip(rows, ratios, strict=True) if ratio]
    assert refused == REFUSALS


def test_somebody_elses_refusal_that_is_translated_is_none() -> None:
    row = turns("Translate: Ich kann dir dabei nicht helfen.", "I can't help you with that.")
    (found,) = signals(column(row)).to_pylist()
    assert found["refusal_ratio"] == 0


@pytest.mark.slow
def test_an_answer_is_judged_alike_in_every_batch() -> None:
    rows = [turns("Please", answer) for answer in [*REFUSALS, *ANSWERS]]
    together = [found["refusal_ratio"] for found in signals(column(*rows)).to_pylist()]
    alone = [signals(column(row)).to_pylist()[0]["refusal_ratio"] for row in rows]
    assert alone == together


@pytest.mark.parametrize("length", [100, 10_000])
def test_a_refusal_that_comes_late_only_qualifies_an_answer(length: int) -> None:
    answer = "It depends on many things. " * (length // 20) + "As an AI, I cannot be sure."
    (found,) = signals(column(turns("Will it?", answer))).to_pylist()
    assert found["refusal_ratio"] == 0


def test_the_model_was_trained_with_the_concepts_that_it_is_used_with() -> None:
    with np.load(WEIGHTS_FILE) as arrays:
        assert arrays["concepts"].tobytes() == sha256(CONCEPTS_FILE.read_bytes()).digest()
