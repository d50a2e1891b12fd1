"""Every reason for which the stages leave rows out, with its threshold, in words for a card."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.interface import Reason

_cleaning = partial(Reason, stage="cleaned")
_curating = partial(Reason, stage="curated")

HIDDEN: Final = _cleaning(name="hidden", left_out="that are hidden from every reader")
"""The one reason that holds for raw releases as well."""
CONTAMINATED: Final = "contaminated"
"""Name of the reason that has no example: it would publish a text of an evaluation set."""


def all_reasons(parameters: CuratingParameters) -> tuple[Reason, ...]:
    """Return all reasons in the order in which they are applied.

    Args:
        parameters: The thresholds of curating.
    """
    return (
        *_of_cleaning(),
        _contaminated(parameters),
        *_of_quality(parameters),
        *_of_duplicates_and_shares(parameters),
    )


def _of_cleaning() -> Iterator[Reason]:
    yield _cleaning(name="superseded", left_out="of which the contributor sent a later version")
    yield HIDDEN
    yield _cleaning(name="empty", left_out="without a turn that shows something")
    yield _cleaning(
        name="no_exchange",
        left_out="in which no turn of a user is followed by one of an assistant",
        example="user: Is anybody there?",
    )


def _contaminated(parameters: CuratingParameters) -> Reason:
    return _curating(
        name=CONTAMINATED,
        left_out="that overlap with a text of an evaluation set",
        threshold=f"more than {parameters.max_overlap} of the words of the text in shared runs of "
        f"{parameters.contaminated_run_words}, at least {parameters.min_contaminated_words} words, "
        "and all of a shorter text",
    )


def _of_quality(parameters: CuratingParameters) -> Iterator[Reason]:
    failed = f"share of such answers above {parameters.max_failed_ratio}"
    yield _curating(
        name="repr",
        left_out="whose answers are what a program prints for an object or for nothing",
        threshold=failed,
        example="user: Who wrote Faust? assistant: [object Object]",
    )
    yield _curating(
        name="placeholder",
        left_out="whose answers only stand for an answer",
        threshold=failed,
        example="user: Who wrote Faust? assistant: [your answer here]",
    )
    yield _curating(
        name="error_message",
        left_out="whose answers are the message of a program that failed",
        threshold=failed,
        example="user: Who wrote Faust? assistant: Internal server error",
    )
    yield _curating(
        name="one_token",
        left_out="whose answers are one word, letter or symbol again and again",
        threshold=failed,
        example="user: Who wrote Faust? assistant: Faust Faust Faust Faust Faust Faust",
    )
    yield _curating(
        name="parrot",
        left_out="whose answers repeat the question",
        threshold=failed,
        example="user: Who wrote the play Faust? assistant: Who wrote the play Faust?",
    )
    yield _curating(
        name="refusal",
        left_out="whose answers refuse, in few words, to do what was asked",
        threshold=failed,
        example="user: Who wrote Faust? assistant: I'm sorry, but I can't help with that.",
    )
    yield _curating(
        name="repetition",
        left_out="whose answers go round in a loop, or are the same as earlier ones",
        threshold=f"share of words in loops above {parameters.max_loop_ratio}, "
        f"or of repeated answers above {parameters.max_repeated_turn_ratio}",
    )
    yield _curating(
        name="too_few_words",
        left_out="of few words",
        threshold=f"fewer than {parameters.min_words} words",
        example="user: Hello assistant: Hi",
    )
    yield _curating(
        name="too_many_words",
        left_out="of very many words",
        threshold=f"more than {parameters.max_words} words",
    )
    yield _curating(
        name="rated_negative",
        left_out="that their contributor rated more negative than positive",
        threshold=f"positive less negative ratings below {parameters.min_net_rating}",
    )


def _of_duplicates_and_shares(parameters: CuratingParameters) -> Iterator[Reason]:
    yield _curating(name="duplicate", left_out="in which the same is said as in another")
    yield _curating(
        name="near_duplicate",
        left_out="whose prompts and answers are each alike those of another",
        threshold=f"similarity of {parameters.min_similarity} or more",
    )
    yield _curating(
        name="contributor_share",
        left_out="beyond the share that one contributor, or one upload without a name, may have",
        threshold=f"more than {parameters.max_contributor_share} of all and "
        f"{parameters.min_contributor_rows} contributions",
    )
    yield _curating(
        name="network_share",
        left_out="beyond the share that contributors may have together who sent from one network "
        "on one day",
        threshold=f"more than {parameters.max_network_share} of all and "
        f"{parameters.min_network_rows} contributions",
    )
    yield _curating(
        name="burst_share",
        left_out="beyond the share that strangers may have together in one hour",
        threshold=f"more than {parameters.max_burst_share} of all and "
        f"{parameters.min_burst_rows} contributions",
    )
