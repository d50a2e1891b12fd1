"""Rules over signals: they tell conversations that aren't worth training on, and why.

Every rule applies to all languages, and to prose, code, tables, lists, verse and mathematics alike:
what is measured is what an answer fails to do, never what its characters look like. Each reaches a
precision of 0.9 on labelled rows, which `benchmarks/curation_truth` measures.
"""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import one_array
from app.curation.rules.curating.parameters import CuratingParameters

FAILED_ANSWERS: Final = (
    "repr",
    "placeholder",
    "error_message",
    "one_token",
    "parrot",
    "refusal",
)
"""The kinds of answers that are none; each has a signal and is a reason."""
QUALITY_REASONS: Final = (
    *FAILED_ANSWERS,
    "repetition",
    "too_few_words",
    "too_many_words",
    "rated_negative",
)
"""The reasons of the rules, in the order of the rules: a row has the first that applies."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, applied to all rows.

    Attributes:
        reason: One of `QUALITY_REASONS`.
        measure: The value of each row that the rule compares with its threshold.
        broken: Whether each row breaks the rule.
    """

    reason: str
    measure: pa.Array
    broken: pa.Array


def judge(facts: pa.Table, parameters: CuratingParameters) -> tuple[pa.Array, pa.Array]:
    """Apply the rules to all rows.

    Args:
        facts: The rows, with the column `signals`.
        parameters: The thresholds.

    Returns:
        The reason why each row is dropped, and the value that the rule measured; both are null for
        a row that is kept.
    """
    rules = _rules(facts, parameters)
    broken = pa.StructArray.from_arrays(
        [rule.broken for rule in rules], [str(number) for number in range(len(rules))]
    )
    reasons = [pa.scalar(rule.reason, pa.large_string()) for rule in rules]
    measures = [rule.measure.cast(pa.float64()) for rule in rules]
    return pc.case_when(broken, *reasons), pc.case_when(broken, *measures)


def net_ratings(facts: pa.Table) -> pa.Array:
    """Return the number of positive less that of negative ratings of each row."""
    signals = one_array(facts.column("signals"))
    positive, negative = (
        pc.struct_field(signals, f"{rating}_ratings") for rating in ("positive", "negative")
    )
    return pc.subtract(positive, negative)


def _rules(facts: pa.Table, parameters: CuratingParameters) -> list[_Rule]:
    signals = one_array(facts.column("signals"))

    def above(reason: str, signal: str, most: float) -> _Rule:
        measure = pc.struct_field(signals, signal)
        return _Rule(reason, measure, pc.greater(measure, most))

    words, net = pc.struct_field(signals, "words"), net_ratings(facts)
    # Where a word has no letter and there is a sign, the answer may be a number: "2+2?", "4".
    lettered, signs = (
        pc.struct_field(signals, name) for name in ("alphabetic_ratio", "symbol_ratio")
    )
    may_count = pc.and_(pc.greater(words, 0), pc.and_(pc.less(lettered, 1), pc.greater(signs, 0)))
    return [
        *(above(kind, f"{kind}_ratio", parameters.max_failed_ratio) for kind in FAILED_ANSWERS),
        above("repetition", "loop_ratio", parameters.max_loop_ratio),
        above("repetition", "repeated_turn_ratio", parameters.max_repeated_turn_ratio),
        _Rule("too_few_words", words, pc.and_not(pc.less(words, parameters.min_words), may_count)),
        above("too_many_words", "words", parameters.max_words),
        _Rule("rated_negative", net, pc.less(net, parameters.min_net_rating)),
    ]
