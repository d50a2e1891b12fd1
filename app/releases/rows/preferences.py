"""Which answers people preferred, as conversations of a stage tell it.

An answer is a turn of the assistant with the calls of tools and their results that follow it. It is
preferred to another one of the same prompt for one of these reasons, and for no other:

- `pair`: the contributor states that the conversation and its alternative were compared, and which
  one is better: the labels `preference` = `pair` and `preferred` = `main`. Both are compared to
  their ends.
- `ranking`: the contributor states that all answers were ranked, best first: the labels
  `preference` = `ranking` and `preferred` = `main`.
- `edit`: the contributor rewrote the answer. What they made of it is preferred.
- `rating`: one answer was rated positive and the other one negative.
- `shared_prompt`: the same, of two conversations with one prompt (`shared_prompts.py`).

An answer that was merely generated again is not preferred to the earlier one, nor the other way
round.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product, takewhile
from typing import Any, Final, Literal

from app.releases.rows.dialogue import Dialogue, DialogueTurn, Message, Place

Source = Literal["pair", "ranking", "edit", "rating", "shared_prompt"]
"""Why one answer is preferred to another."""
MAX_OF_CONVERSATION: Final = 128
"""Number of pairs and of rated answers that are taken from one conversation.

Each holds its prompt, so a conversation of thousands of judged turns would make a release of many
times its size.
"""

_ANSWERING: Final = frozenset({"assistant", "tool"})
_ASKING: Final = frozenset({"user", "tool"})


@dataclass(frozen=True, slots=True)
class Pair:
    """A better and a worse answer to one prompt.

    Attributes:
        prompt: The messages that are answered.
        chosen: The better answer.
        rejected: The worse answer.
        source: Why it is the better one.
    """

    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]
    source: Source


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer that is good or bad by itself.

    Attributes:
        prompt: The messages that are answered.
        completion: The answer.
        label: Whether it is good.
        source: How that is known.
    """

    prompt: list[Message]
    completion: list[Message]
    label: bool
    source: Source


def pairs_of(dialogue: Dialogue) -> list[Pair]:
    """Return the pairs of a conversation; of two that say the same or the opposite, the first."""
    found: dict[tuple[Any, ...], Pair] = {}
    for pair in islice(_all_pairs(dialogue), MAX_OF_CONVERSATION):
        prompt, chosen, rejected = map(key_of, (pair.prompt, pair.chosen, pair.rejected))
        is_sound = _can_be_asked(pair.prompt) and chosen != rejected
        is_sound = is_sound and _can_be_answered(pair.chosen) and _can_be_answered(pair.rejected)
        if is_sound and (prompt, rejected, chosen) not in found:
            found.setdefault((prompt, chosen, rejected), pair)
    return list(found.values())


def judgements_of(dialogue: Dialogue) -> list[Judgement]:
    """Return the answers of a conversation that are good or bad by themselves.

    A rating counts most. Of the others, the chosen answer of a pair is good and the rejected one is
    bad, and an answer that is both is left out. Where both of a compared pair are called bad
    (`preferred` = `neither`), both are.
    """
    found: dict[tuple[Any, ...], Judgement | None] = {}
    for judgement in islice(_ratings(dialogue), MAX_OF_CONVERSATION):
        found.setdefault(_key(judgement), judgement)
    rated = set(found)
    for judgement in _compared(dialogue):
        key = _key(judgement)
        known = found.setdefault(key, judgement)
        if key not in rated and known is not None and known.label != judgement.label:
            found[key] = None
    return [
        judgement
        for judgement in found.values()
        if judgement is not None
        and _can_be_asked(judgement.prompt)
        and _can_be_answered(judgement.completion)
    ]


def rated_answers(dialogue: Dialogue) -> list[Judgement]:
    """Return the answers of a conversation that were rated."""
    return [judgement for judgement in judgements_of(dialogue) if judgement.source == "rating"]


def key_of(messages: Sequence[Message]) -> tuple[Any, ...]:
    """Return what messages say, without what only accompanies it, such as ids and reasoning."""
    return tuple(
        (
            message["role"],
            message["content"],
            *(
                (call["function"]["name"], call["function"]["arguments"])
                for call in message.get("tool_calls") or ()
            ),
        )
        for message in messages
    )


def _all_pairs(dialogue: Dialogue) -> Iterator[Pair]:
    if dialogue.preferred == "main" and dialogue.preference in {"pair", "ranking"}:
        for place in dialogue.places:
            yield from _stated(place, dialogue.preference)
    for path, own in dialogue.paths():
        yield from _edits(path, own)
    for place in dialogue.places:
        yield from _opposite_ratings(place)


def _stated(place: Place, preference: str) -> Iterator[Pair]:
    prompt = _messages(place.prompt)
    if preference == "pair":
        better, *others = map(_to_its_end, place.continuations)
        for worse in others:
            yield Pair(prompt, better, worse, "pair")
    else:
        ranked = [_messages(_answer(turns)) for turns in place.continuations]
        for better, worse in combinations(ranked, 2):
            yield Pair(prompt, better, worse, "ranking")


def _edits(path: list[DialogueTurn], own: int) -> Iterator[Pair]:
    for number, turn in enumerate(path[own:], own):
        if turn.role == "assistant" and turn.edited_content:
            edited = {**turn.message, "content": turn.edited_content}
            yield Pair(_messages(path[:number]), [edited], [turn.message], "edit")


def _opposite_ratings(place: Place) -> Iterator[Pair]:
    answers = [_answer(turns) for turns in place.continuations]
    liked, disliked = (
        [answer for answer in answers if _rating(answer) == rating]
        for rating in ("positive", "negative")
    )
    for better, worse in product(liked, disliked):
        yield Pair(_messages(place.prompt), _messages(better), _messages(worse), "rating")


def _ratings(dialogue: Dialogue) -> Iterator[Judgement]:
    for path, own in dialogue.paths():
        for number, turn in enumerate(path[own:], own):
            is_within = number > own and path[number - 1].role in _ANSWERING
            if is_within or turn.role != "assistant":
                continue
            answer = _answer(path[number:])
            rating = _rating(answer)
            if rating:
                prompt, completion = _messages(path[:number]), _messages(answer)
                yield Judgement(prompt, completion, rating == "positive", "rating")


def _compared(dialogue: Dialogue) -> Iterator[Judgement]:
    for pair in pairs_of(dialogue):
        # The ratings of both answers of the pair are judgements by themselves.
        if pair.source != "rating":
            yield Judgement(pair.prompt, pair.chosen, True, pair.source)
            yield Judgement(pair.prompt, pair.rejected, False, pair.source)
    if dialogue.preference == "pair" and dialogue.preferred == "neither":
        for place in dialogue.places:
            for turns in place.continuations:
                yield Judgement(_messages(place.prompt), _to_its_end(turns), False, "pair")


def _messages(turns: Sequence[DialogueTurn]) -> list[Message]:
    return [turn.message for turn in turns]


def _answer(turns: Sequence[DialogueTurn]) -> list[DialogueTurn]:
    """Return the turns up to the next question, without results of tools that nobody read."""
    answer = list(takewhile(lambda turn: turn.role in _ANSWERING, turns))
    return _until_assistant(answer)


def _to_its_end(turns: Sequence[DialogueTurn]) -> list[Message]:
    """Return the messages up to the last one of the assistant."""
    return _messages(_until_assistant(list(turns)))


def _until_assistant(turns: list[DialogueTurn]) -> list[DialogueTurn]:
    while turns and turns[-1].role != "assistant":
        turns.pop()
    return turns


def _rating(answer: Sequence[DialogueTurn]) -> str | None:
    """Return the rating of an answer; None if it has none, or several that differ."""
    ratings = {turn.rating for turn in answer if turn.role == "assistant"} - {None}
    return ratings.pop() if len(ratings) == 1 else None


def _can_be_asked(prompt: Sequence[Message]) -> bool:
    return bool(prompt) and prompt[-1]["role"] in _ASKING and all(map(_says_something, prompt))


def _can_be_answered(answer: Sequence[Message]) -> bool:
    return bool(answer) and all(map(_says_something, answer))


def _says_something(message: Message) -> bool:
    return bool(message["content"].strip() or message.get("tool_calls"))


def _key(judgement: Judgement) -> tuple[Any, ...]:
    return key_of(judgement.prompt), key_of(judgement.completion)
