"""Rules over signals: they tell conversations that aren't worth training on, and why."""

from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from app.curation.rules.curating.arrays import one_array
from app.curation.rules.curating.parameters import CuratingParameters

QUALITY_REASONS: Final = (
    "too_few_words",
    "too_many_words",
    "word_length",
    "symbol_ratio",
    "alphabetic_ratio",
    "few_stop_words",
    "ellipses",
    "repetition",
    "refusal",
    "boilerplate",
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
        facts: The rows, with the columns `signals` and `language`.
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
    english = pc.equal(one_array(facts.column("language")), "en")
    words = pc.struct_field(signals, "words")
    long = pc.greater_equal(words, parameters.min_words_for_ratios)
    prose = pc.and_(
        pc.greater_equal(words, parameters.min_words_for_stop_words),
        pc.less_equal(pc.struct_field(signals, "symbol_ratio"), parameters.max_prose_symbol_ratio),
    )

    def below(reason: str, signal: str, least: float, where: Any = True) -> _Rule:
        measure = pc.struct_field(signals, signal)
        return _Rule(reason, measure, pc.and_(pc.less(measure, least), where))

    def above(reason: str, signal: str, most: float, where: Any = True) -> _Rule:
        measure = pc.struct_field(signals, signal)
        return _Rule(reason, measure, pc.and_(pc.greater(measure, most), where))

    shortest, net = parameters.min_mean_word_length, net_ratings(facts)
    return [
        below("too_few_words", "words", parameters.min_words),
        above("too_many_words", "words", parameters.max_words),
        below("word_length", "mean_word_length", shortest, pc.and_(english, long)),
        above("word_length", "mean_word_length", parameters.max_mean_word_length),
        above("symbol_ratio", "symbol_ratio", parameters.max_symbol_ratio),
        below("alphabetic_ratio", "alphabetic_ratio", parameters.min_alphabetic_ratio, long),
        below("few_stop_words", "stop_words", parameters.min_stop_words, pc.and_(english, prose)),
        above("ellipses", "ellipsis_ratio", parameters.max_ellipsis_ratio, long),
        above("repetition", "duplicate_line_ratio", parameters.max_duplicate_line_ratio, long),
        above("repetition", "top_ngram_ratio", parameters.max_top_ngram_ratio, long),
        above("repetition", "duplicate_ngram_ratio", parameters.max_duplicate_ngram_ratio, long),
        above("repetition", "repeated_turn_ratio", parameters.max_repeated_turn_ratio),
        above("refusal", "refusal_ratio", parameters.max_refusal_ratio),
        above("boilerplate", "boilerplate_ratio", parameters.max_boilerplate_ratio),
        _Rule("rated_negative", net, pc.less(net, parameters.min_net_rating)),
    ]
