"""What the header Authorization of a request says of who sends it."""

from typing import Final, NamedTuple

from app.access.contributors.keys import contributor_key
from app.access.permissions.keys import ApiKey


class Credentials(NamedTuple):
    """Who sends a request.

    Attributes:
        contributor_key: The contributor key of the request; None without one.
        namespace: The id of the request's API key, whose holder owns all that is sent with it; None
            without one.
    """

    contributor_key: str | None = None
    namespace: str | None = None


NO_CREDENTIALS: Final = Credentials()


def credentials_of(authorization: str | None, api_key: ApiKey | None) -> Credentials:
    """Return the credentials of a request.

    Args:
        authorization: The header Authorization; None without it.
        api_key: The valid API key in that header; None when it has none.

    Raises:
        ContributorKeyMalformed: The token begins as contributor keys do and isn't one.
    """
    if api_key is not None:
        return Credentials(namespace=api_key.key_id)
    return Credentials(contributor_key(authorization))
