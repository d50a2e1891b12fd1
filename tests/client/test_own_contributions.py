"""What the class says of a service that can't be reached, fails or refuses."""

from collections.abc import Iterator

import pytest

from chatlake_client import OwnContributions, RequestRefused
from chatlake_client.errors import ServiceUnavailableError
from tests.client.service import CUT, Answer, Service


@pytest.fixture
def service() -> Iterator[Service]:
    """A double of the service."""
    with Service() as made:
        yield made


@pytest.mark.parametrize(
    "answer", [Answer(503, {"message": "later"}, {"Retry-After": "7"}), Answer(200, b"<html>"), CUT]
)
def test_a_service_that_fails_is_told_apart_from_one_that_refuses(
    service: Service, answer: Answer
) -> None:
    service.answers.append(answer)
    with OwnContributions(service.url, "key") as own, pytest.raises(ServiceUnavailableError):
        own.withdraw_all()


def test_a_refusal_has_the_message_of_the_service(service: Service) -> None:
    service.answers.append(Answer(404, {"message": "no contribution x"}))
    with (
        OwnContributions(service.url, "key") as own,
        pytest.raises(RequestRefused, match="404: no contribution x"),
    ):
        own.withdraw("x")


def test_the_holder_of_an_api_key_names_a_contributor_by_any_text(service: Service) -> None:
    asked = {"takedown_id": 1, "state": "erasing", "requested_at": "2026-11-29T12:00:00+00:00"}
    service.answers += [Answer(202, asked), Answer(202, asked)]
    with OwnContributions(service.url, "clk_key", submitter_id="Zoë 100%") as own:
        assert own.withdraw_all().takedown_id == 1
    with OwnContributions(service.url, "key") as own:
        assert own.withdraw_all().takedown_id == 1
    assert service.submitters == ["Zo%C3%AB%20100%25", None]


def test_a_wrong_url_is_refused() -> None:
    with pytest.raises(ValueError, match="http"):
        OwnContributions("ftp://x", "key")
