"""The thresholds of curating, and the source of each."""

from dataclasses import dataclass
from typing import Final

CURATING_VERSION: Final = 6
"""Raised whenever signals, scores, bands or rules may return something else for a row."""


@dataclass(frozen=True, slots=True)
class CuratingParameters:
    """Thresholds of what is kept, with the service's values as defaults.

    A conversation may be short, have code, tables, lists, verse and sums, and be in any language.
    So no rule compares shares of symbols, letters, frequent words or repeated words: on labelled
    conversations those of web pages drop more good rows than bad ones.

    Attributes:
        contaminated_run_words: Number of words of the runs that a conversation and a text of an
            evaluation set are compared by: 8 (Tülu 3, section 3.2 of Lambert et al., 2024).
        max_overlap: Greatest share of the words of a text of an evaluation set that are in shared
            runs: 0.5 (Tülu 3: the same).
        min_contaminated_words: Number of these words, or all of a shorter text, without which
            there is no overlap: 13 ("GPT-3", appendix C of Brown et al., 2020: runs of 13 words, or
            the whole of a shorter example). A shorter answer is not looked for: many say it.
        min_whole_prompt_words: Least number of words of a prompt that is shorter than a run, and is
            looked for as the whole turn of a user: 5 (chosen here, so that greetings stay).
        max_run_times: Greatest number of times that an evaluation set has a run: 10 (GPT-3 leaves
            out runs that more than ten documents have). A more frequent run is of the set's
            template, and doesn't count.
        min_words: Least number of words: 4 ("Gopher", table A1 of Rae et al., "Scaling language
            models", 2021: 50). A question and a fact are worth training on, a greeting isn't.
        max_words: Greatest number of words: 100,000 (Gopher: the same).
        max_failed_ratio: Greatest share of answers that fail in one way, as refusals, parrots or
            error messages do: 0.49 (chosen here, so that half of them are too many).
        max_loop_ratio: Greatest share of words of answers in loops: 0.5 (chosen here).
        max_repeated_turn_ratio: Greatest share of repeated answers: 0.5 (chosen here, against a
            model that goes round in circles).
        min_net_rating: Least number of positive less negative ratings of turns: 0 (chosen here).
        min_similarity: Least similarity of near duplicates: 0.7 (StarCoder's threshold of Jaccard
            similarities, by Li et al., 2023). It is that of the prompts or that of the answers,
            whichever is less.
        max_contributor_share: Greatest share of one contributor, or of one burst of anonymous
            rows, in the curated rows: 0.1 (chosen here).
        min_contributor_rows: Number of rows that a contributor may have whatever their share is:
            10,000 (chosen here), so that a lake with few contributors isn't emptied.
        max_network_share: Greatest share of the contributors together who sent from one network on
            one day, in the curated rows: 0.1 (as of a contributor).
        min_network_rows: Number of rows that they may have whatever their share is: 10,000 (as of a
            contributor).
        max_burst_share: Greatest share of what came in one hour from strangers, in the curated
            rows: 0.1 (as of a contributor).
        min_burst_rows: Number of rows that may come in an hour whatever their share is: 10,000 (as
            of a contributor), so that a young lake isn't emptied.
    """

    contaminated_run_words: int = 8
    max_overlap: float = 0.5
    min_contaminated_words: int = 13
    min_whole_prompt_words: int = 5
    max_run_times: int = 10
    min_words: int = 4
    max_words: int = 100_000
    max_failed_ratio: float = 0.49
    max_loop_ratio: float = 0.5
    max_repeated_turn_ratio: float = 0.5
    min_net_rating: int = 0
    min_similarity: float = 0.7
    max_contributor_share: float = 0.1
    min_contributor_rows: int = 10_000
    max_network_share: float = 0.1
    min_network_rows: int = 10_000
    max_burst_share: float = 0.1
    min_burst_rows: int = 10_000
