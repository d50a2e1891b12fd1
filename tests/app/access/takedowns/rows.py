"""What stays of three contributions, for tests of takedowns."""

from app.access.takedowns.records import TakenDown

FIRST, SECOND, THIRD = (
    TakenDown(f"01900000-0000-7000-8000-00000000000{n}", f"conversation {n}", f"hash {n}", n)
    for n in (1, 2, 3)
)


def ids_of(*rows: TakenDown) -> list[str]:
    return [row.contribution_id for row in rows]
