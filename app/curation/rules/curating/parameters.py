"""The thresholds of curating, and the source of each."""

from dataclasses import dataclass
from typing import Final

CURATING_VERSION: Final = 1
"""Raised whenever signals, bands or rules may return something else for a row."""


@dataclass(frozen=True, slots=True)
class CuratingParameters:
    """Thresholds of what is kept, with the service's values as defaults.

    Most are after "Gopher": table A1 of Rae et al., "Scaling language models", 2021. Its thresholds
    are for web pages. A conversation may be short, have code, tables and lists, and be in any
    language. Where a default differs for that, Gopher's value follows it.

    Attributes:
        min_words: Least number of words: 4 (Gopher: 50). A question and a fact are worth training
            on, a greeting isn't.
        max_words: Greatest number of words: 100,000 (Gopher: the same).
        min_words_for_ratios: A shorter text is spared the rules on ellipses, letters, the least
            length of words, and repeated lines and runs of words: 50 (Gopher: 50, of any document).
            It is too short for ratios to mean something, and repeats what it is about.
        min_mean_word_length: Least mean length of words of English, in characters: 2.5 (Gopher: 3;
            but sums have short words).
        max_mean_word_length: Greatest mean length of words of any language, in characters: 15
            (Gopher: 10; but words of Finnish or Tamil are longer). Longer ones are encoded data.
        max_symbol_ratio: Greatest share of symbols among characters: 0.5 (Gopher: 0.1 hashes and
            ellipses a word, but Markdown and code have more). Code has about 0.3.
        min_alphabetic_ratio: Least share of words with a letter: 0.1 (Gopher: 0.8; but tables and
            sums are numbers).
        min_stop_words: Least number of stop words of English: 2 (Gopher: the same).
        min_words_for_stop_words: A shorter text needs no stop words: 100 (Gopher: 50, of any
            document).
        max_prose_symbol_ratio: A text with a greater share of symbols is code or a table, and needs
            no stop words: 0.1 (chosen here; 999 of 1,000 role plays have less).
        max_ellipsis_ratio: Greatest share of lines that end with an ellipsis: 0.5 (Gopher: 0.3; but
            people and characters trail off ...).
        max_duplicate_line_ratio: Greatest share of characters in repeated lines of a turn: 0.3
            (Gopher: 0.2, of a page).
        max_top_ngram_ratio: Greatest share of words in the most frequent run of three: 0.3 (Gopher:
            0.18, of characters). Three characters of Chinese are only a word or two, which may be
            the subject of the conversation.
        max_duplicate_ngram_ratio: Greatest share of repeated runs of five words of a turn: 0.4
            (Gopher: 0.15, of characters; but code and tables repeat runs).
        max_repeated_turn_ratio: Greatest share of repeated answers: 0.5 (chosen here, against a
            model that goes round in circles).
        max_refusal_ratio: Greatest share of refusals among answers: 0.49 (chosen here, so that
            half of them are too many).
        max_boilerplate_ratio: Greatest share of characters in lines of boilerplate: 0.3 (C4 by
            Raffel et al., 2020, drops every such line, and every page with "lorem ipsum"; but
            people also talk about them).
        min_net_rating: Least number of positive less negative ratings of turns: 0 (chosen here).
        min_jaccard: Least similarity of near duplicates: 0.7, as in Li et al., "StarCoder", 2023.
            Lee et al., "Deduplicating training data makes language models better", 2022, take 0.8
            for pages, which are longer, so an edit changes less of them.
        max_contributor_share: Greatest share of one named contributor in the curated rows: 0.1
            (chosen here).
        min_contributor_rows: Number of rows that a contributor may have whatever their share is:
            10,000 (chosen here), so that a lake with few contributors isn't emptied.
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
