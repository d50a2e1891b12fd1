"""Roles, which say what an API key is for."""

from typing import Final, Literal, get_args

Role = Literal["ingest", "read", "moderate", "operate"]
"""What a key is for: to submit, to read, to moderate, or all of it."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

Roles = frozenset[Role]
"""The roles that a request needs, all of them. None are needed for what is open to everybody."""
OPEN: Final[Roles] = frozenset()


def grants(role: Role, needed: Roles) -> bool:
    """Tell whether a key with a role may do what needs some roles.

    A role grants what needs this role alone, and `operate` grants everything.
    """
    return role == "operate" or needed <= frozenset({role})
