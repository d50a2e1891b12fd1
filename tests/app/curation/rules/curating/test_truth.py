"""Near duplicates that are found, compared with the exact similarities of all pairs."""

from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from app.curation.rules.curating.duplicates.candidates import find_candidates
from app.curation.rules.curating.duplicates.likeness import similarity
from app.curation.rules.curating.duplicates.minhash import BAND_HASHES, BANDS, bands
from app.curation.rules.curating.duplicates.near_duplicates import exchanges_of
from app.curation.rules.curating.parameters import CuratingParameters
from app.curation.rules.curating.shingles import SIDES
from tests.app.curation.rules.curating.making import (
    LANGUAGES,
    NO_RULES,
    Conversation,
    TextWriter,
    column,
    decide,
    facts,
    plain_shingles,
    plain_similarity,
    reader,
    row_id,
    turns,
)

if TYPE_CHECKING:
    from datasketch import MinHash

THRESHOLD = CuratingParameters().min_similarity
BASES = 42  # of each language, with 8 conversations made of each
Pairs = dict[tuple[int, int], float]


@cache
def planted() -> list[tuple[str, Conversation]]:
    """Return conversations in six languages, each with how it was made from an original."""
    made: list[tuple[str, Conversation]] = []
    for language in LANGUAGES:
        writer = TextWriter(language, 1)
        for place in range(BASES):
            made += _family(writer, place)
    return made


def _family(writer: TextWriter, place: int) -> list[tuple[str, Conversation]]:
    question, answer = writer.sentences(1), writer.sentences(4 + place % 12)
    rate = 0.01 + 0.09 * (place % 10) / 9
    shuffled = writer.random.sample(answer, len(answer))
    middle = len(answer) // 2
    others = writer.sentences(len(answer))

    def said(kind: str, *sentences: list[list[str]]) -> tuple[str, Conversation]:
        return kind, turns(*(writer.text(some) for some in sentences))

    facts_in_template = [
        words[:3] + other[:4] + words[3:6] for words, other in zip(answer, others, strict=True)
    ]
    return [
        said("original", question, answer),
        said("copy", question, answer),
        said("edited", question, writer.edited(answer, rate)),
        said("inserted", question, answer[:middle] + others[:1] + answer[middle:]),
        said("deleted", question, answer[:-1]),
        said("reordered", question, shuffled),
        said("template", question, facts_in_template),
        said("opening", question, answer[:2] + others),
        said("quote", writer.sentences(2), writer.sentences(len(answer)) + answer[:2]),
    ]


@cache
def conversations() -> tuple[Conversation, ...]:
    return tuple(conversation for _, conversation in planted())


@cache
def truth() -> Pairs:
    """Return the similarity of every pair of near duplicates, from their words."""
    families = [range(first, first + 9) for first in range(0, len(conversations()), 9)]
    similar = {
        (one, other): plain_similarity(conversations()[one], conversations()[other])
        for family in families
        for one, other in combinations(family, 2)
    }
    return {pair: similarity for pair, similarity in similar.items() if similarity >= THRESHOLD}


@cache
def candidates() -> frozenset[tuple[int, int]]:
    """Return the pairs that share a band."""
    values = np.array(bands(column(*conversations())).to_pylist())
    found = find_candidates(lambda band: values[:, band], *reversed(values.shape))
    in_bucket: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for row, shared in zip(found.rows.tolist(), found.shared.tolist(), strict=True):
        for band, bucket in enumerate(values[row].tolist()):
            if shared >> band & 1:
                in_bucket[band, bucket].append(row)
    return frozenset(pair for rows in in_bucket.values() for pair in combinations(sorted(rows), 2))


@cache
def found() -> Pairs:
    """Return the pairs that share a band and are similar enough."""
    exchanges = exchanges_of(column(*conversations()))
    similar = {
        (one, other): similarity(exchanges[one], exchanges[other], THRESHOLD)
        for one, other in candidates()
    }
    return {pair: how_alike for pair, how_alike in similar.items() if how_alike >= THRESHOLD}


def recall(pairs: set[tuple[int, int]]) -> float:
    return len(pairs & truth().keys()) / len(truth())


@pytest.mark.slow
def test_the_truth_has_pairs_of_every_kind_and_language_and_false_friends() -> None:
    kinds = Counter(planted()[other][0] for one, other in truth() if one % 9 == 0)
    assert {"copy", "edited", "inserted", "deleted", "reordered"} <= kinds.keys()
    assert kinds.keys().isdisjoint({"template", "opening", "quote"})
    per_language = Counter(one // (9 * BASES) for one, _ in truth())
    assert len(per_language) == len(LANGUAGES)
    assert len(conversations()) > 2000


@pytest.mark.slow
def test_near_duplicate_pairs_are_found_and_no_others_and_similarities_are_exact() -> None:
    assert recall(set(found())) >= 0.98
    assert found().items() <= truth().items()


@pytest.mark.slow
def test_false_friends_are_rarely_compared() -> None:
    """Most texts that are read again to be compared are near duplicates."""
    assert len(candidates() - truth().keys()) < len(truth())


@cache
def signatures_of_datasketch() -> list["MinHash"]:
    """Return a signature of each conversation, whose minima are of each side in turn as ours."""
    from datasketch import MinHash  # noqa: PLC0415  # every process collects this module

    signatures = []
    for conversation in conversations():
        sides = [MinHash(num_perm=BANDS * BAND_HASHES) for _ in SIDES]
        for side, signature in zip(SIDES, sides, strict=True):
            signature.update_batch(
                " ".join(run).encode() for run in plain_shingles(conversation, side)
            )
        prompt, answer = (signature.hashvalues for signature in sides)
        is_of_prompt = np.arange(BANDS * BAND_HASHES) % 2 == 0
        minima = np.where(is_of_prompt, prompt, answer)
        sides[0].hashvalues = minima
        signatures.append(sides[0])
    return signatures


def pairs_of_datasketch(**bands_or_threshold: Any) -> set[tuple[int, int]]:
    from datasketch import MinHashLSH  # noqa: PLC0415  # the same

    index = MinHashLSH(num_perm=BANDS * BAND_HASHES, **bands_or_threshold)
    pairs = set()
    for place, signature in enumerate(signatures_of_datasketch()):
        pairs |= {(other, place) for other in index.query(signature)}
        index.insert(place, signature)
    return pairs


@pytest.mark.slow
def test_more_pairs_are_found_than_by_datasketch_at_this_threshold() -> None:
    pairs = pairs_of_datasketch(threshold=THRESHOLD)
    assert recall(set(candidates())) >= recall(pairs)


@pytest.mark.slow
def test_with_the_same_bands_datasketch_finds_as_many_pairs_but_for_chance() -> None:
    pairs = pairs_of_datasketch(params=(BANDS, BAND_HASHES))
    assert recall(set(candidates())) >= recall(pairs) - 0.005
    assert len(candidates()) <= 1.1 * len(pairs)


@pytest.fixture(scope="module")
def decided() -> pa.Table:
    return decide(facts(conversations()), reader(conversations()), NO_RULES)


@pytest.mark.slow
def test_copies_are_duplicates_and_false_friends_stay(decided: pa.Table) -> None:
    reasons = {row["contribution_id"]: row["reason"] for row in decided.to_pylist()}
    for place, (kind, _) in enumerate(planted()):
        if kind == "copy":
            assert reasons[row_id(place)] in {"duplicate", "near_duplicate"}
        if kind in {"template", "opening", "quote"}:
            assert row_id(place) not in reasons


@pytest.mark.slow
def test_few_near_duplicates_remain_and_every_dropped_row_was_one(
    decided: pa.Table,
) -> None:
    reasons = {row["contribution_id"]: row["reason"] for row in decided.to_pylist()}
    near = truth()
    left = [pair for pair in near if reasons.keys().isdisjoint(map(row_id, pair))]
    assert len(left) <= 0.01 * len(near)
    for row in decided.to_pylist():
        dropped, kept = (int(row[name][-6:]) for name in ("contribution_id", "kept_id"))
        assert row["measure"] == near[min(dropped, kept), max(dropped, kept)]
        # A row that is kept of exact duplicates can then be dropped as a near duplicate.
        later = {"near_duplicate"} if row["reason"] == "duplicate" else set()
        assert reasons.get(row["kept_id"]) in {None, *later}
