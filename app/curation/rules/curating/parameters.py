"""The thresholds of curating, and where each comes from."""

from dataclasses import dataclass
from typing import Final

CURATING_VERSION: Final = 1
"""The version of what signals, bands and rules come to: raised whenever it may change."""


@dataclass(frozen=True, slots=True)
class Curating:
    """What is kept, by default.

    "Gopher" is table A1 of Rae et al., "Scaling language models", 2021; its thresholds are for
    pages of the web. A conversation may be short, hold code, tables and lists, and be in any
    language: where a threshold differs for that, its default is followed by Gopher's.

    Attributes:
        min_words: 4 (Gopher: 50). A question and a fact are worth training on, a greeting isn't.
        max_words: 100,000 (Gopher: the same).
        min_words_for_ratios: A shorter text says too little for ratios to mean something, and
            repeats what it is about: 50 (Gopher: 50, of any document). It is so for the least
            length of words, letters, ellipses, and runs of words and lines.
        min_mean_word_length: In English, in characters: 2.5 (Gopher: 3; sums have short words).
        max_mean_word_length: In any language: 15 (Gopher: 10; words of Finnish or Tamil are
            longer). More is encoded data.
        max_symbol_ratio: Of characters, 0.5 (Gopher: 0.1 hashes and ellipses a word, which
            Markdown and code have). Code has about 0.3.
        min_alphabetic_ratio: Of words, 0.1 (Gopher: 0.8; tables and sums are numbers).
        min_stop_words: In English, 2 (Gopher: the same).
        min_words_for_stop_words: A shorter text needs none: 100 (Gopher: 50, of any document).
        max_prose_symbol_ratio: What has more symbols is code or a table, and needs none: 0.1 (ours;
            999 of 1,000 role plays have less).
        max_ellipsis_ratio: Of lines, 0.5 (Gopher: 0.3; people and characters trail off ...).
        max_duplicate_line_ratio: Of characters, within a turn: 0.3 (Gopher: 0.2 within a page).
        max_top_ngram_ratio: Of words, for runs of three: 0.3 (Gopher: 0.18 of characters). Three
            characters of Chinese are a word or two, and a word may be what it is about.
        max_duplicate_ngram_ratio: Of runs of five words, within a turn: 0.4 (Gopher: 0.15 of
            characters; code and tables have runs in common).
        max_repeated_turn_ratio: Of answers: 0.5 (ours; a model that goes round in circles).
        max_refusal_ratio: Of answers: 0.49 (ours, so that half of them are too many).
        max_boilerplate_ratio: Of characters: 0.3 (C4 by Raffel et al., 2020, leaves out every such
            line, and every page with "lorem ipsum"; people also talk about them).
        min_net_rating: Positive less negative ratings of turns: 0 (ours).
        min_jaccard: Similarity from which one of two is a near duplicate: 0.7 (as Li et al.,
            "StarCoder", 2023; 0.8 in Lee et al., "Deduplicating training data makes language models
            better", 2022, of pages, which are longer, so that an edit weighs less).
        max_contributor_share: Of the curated rows, by one named contributor: 0.1 (ours).
        min_contributor_rows: So many rows a contributor may have in any case: 10,000 (ours), so
            that a lake with few contributors isn't emptied.
    """

    min_words: int = 4
    max_words: int = 100_000
    min_words_for_ratios: int = 50
    min_mean_word_length: float = 2.5
    max_mean_word_length: float = 15
    max_symbol_ratio: float = 0.5
    min_alphabetic_ratio: float = 0.1
    min_stop_words: int = 2
    min_words_for_stop_words: int = 100
    max_prose_symbol_ratio: float = 0.1
    max_ellipsis_ratio: float = 0.5
    max_duplicate_line_ratio: float = 0.3
    max_top_ngram_ratio: float = 0.3
    max_duplicate_ngram_ratio: float = 0.4
    max_repeated_turn_ratio: float = 0.5
    max_refusal_ratio: float = 0.49
    max_boilerplate_ratio: float = 0.3
    min_net_rating: int = 0
    min_jaccard: float = 0.7
    max_contributor_share: float = 0.1
    min_contributor_rows: int = 10_000
