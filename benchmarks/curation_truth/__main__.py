"""Compares what curation does with what people say is right, on labelled rows."""

import json
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from scores import Score, scores

ROWS: Final = Path(__file__).parent / "rows"
"""The labelled rows: a file of JSON lines for each area, which README.md describes."""

Row = dict[str, Any]
Finder = Callable[[list[Row]], Iterable[set[str]]]
"""Returns for each row the labels that curation gives it."""


@click.command()
@click.argument("areas", nargs=-1)
@click.option("--by", help="Score the rows apart by this field, such as language or source.")
@click.option("--wrong", is_flag=True, help="Print the rows that curation gets wrong, too.")
def main(areas: tuple[str, ...], by: str | None, wrong: bool) -> None:
    """Print precision and recall of each label of AREAS, or of all areas."""
    known = sorted(path.stem for path in ROWS.glob("*.jsonl"))
    if unknown := set(areas) - set(known):
        raise click.UsageError(f"no such area: {', '.join(sorted(unknown))}; known: {known}")
    for area in areas or known:
        with (ROWS / f"{area}.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        found = list(_finder(area)(rows))
        if wrong:
            _print_wrong(rows, found)
        for group in sorted({str(row.get(by)) for row in rows}) if by else [""]:
            chosen = [not by or str(row.get(by)) == group for row in rows]
            expected = [
                set(row["expected"]) for row, is_in in zip(rows, chosen, strict=True) if is_in
            ]
            its_found = [labels for labels, is_in in zip(found, chosen, strict=True) if is_in]
            _print_scores(f"{area} {group}".strip(), scores(expected, its_found))
            if alike := getattr(import_module(area), "ALIKE", None):
                of_all = scores(_renamed(expected, alike), _renamed(its_found, alike))["all"]
                _print_score("all, where those alike count as one", of_all)


def _finder(area: str) -> Finder:
    finder: Finder = import_module(area).find
    return finder


def _print_scores(title: str, of_kinds: dict[str, Score]) -> None:
    click.echo(
        f"{title:<44} {'right':>6} {'wrong':>6} {'missed':>6} {'precision':>9} {'recall':>7}"
    )
    for kind, score in of_kinds.items():
        _print_score(kind, score)


def _print_score(kind: str, score: Score) -> None:
    counts = f"{score.right:>6} {score.wrong:>6} {score.missed:>6}"
    click.echo(f"  {kind:<42} {counts} {score.precision:>9.3f} {score.recall:>7.3f}")


def _renamed(labels: list[set[str]], names: dict[str, str]) -> list[set[str]]:
    return [{names.get(label, label) for label in of_row} for of_row in labels]


def _print_wrong(rows: list[Row], found: list[set[str]]) -> None:
    for row, labels in zip(rows, found, strict=True):
        if labels != set(row["expected"]):
            click.echo(json.dumps({"found": sorted(labels), **row}, ensure_ascii=False))


if __name__ == "__main__":
    main()
