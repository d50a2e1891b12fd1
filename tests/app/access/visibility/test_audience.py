import pytest

from app.access.roles import Role
from app.access.visibility.audience import KEY_HOLDERS, MODERATORS, PUBLIC, Audience, audience_of
from app.services import Services


@pytest.mark.parametrize(
    ("role", "audience"),
    [
        ("ingest", PUBLIC),
        ("read", KEY_HOLDERS),
        ("moderate", MODERATORS),
        ("operate", MODERATORS),
    ],
)
def test_the_role_of_a_key_tells_the_audience(
    services: Services, role: Role, audience: Audience
) -> None:
    text = services.access.keys.create("key", role, None)
    assert audience_of(services.access.keys.verify(text)) == audience


def test_without_a_key_one_is_the_public() -> None:
    assert audience_of(None) == PUBLIC
