"""Ids as runs without gaps: how a claim names many entries in few bytes."""

from collections.abc import Iterable, Iterator

import msgspec

Run = tuple[int, int]
"""The first and the last of ids without a gap."""

encode_runs = msgspec.msgpack.Encoder().encode
decode_runs = msgspec.msgpack.Decoder(list[Run]).decode


def runs_of(ids: Iterable[int]) -> list[Run]:
    """Return ascending ids as runs.

    A run holds what was seen and nothing else: on PostgreSQL, ids may appear out of order.
    """
    runs: list[Run] = []
    for each in ids:
        if runs and runs[-1][1] == each - 1:
            runs[-1] = (runs[-1][0], each)
        else:
            runs.append((each, each))
    return runs


def steps_of(runs: Iterable[Run], at_once: int) -> Iterator[Run]:
    """Yield the runs in pieces of up to `at_once` ids."""
    for first, last in runs:
        for start in range(first, last + 1, at_once):
            yield start, min(start + at_once - 1, last)


def length_of(runs: Iterable[Run]) -> int:
    """Return how many ids the runs hold."""
    return sum(last - first + 1 for first, last in runs)
