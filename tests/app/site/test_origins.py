import pytest
from flask.testing import FlaskClient

REPORT = "/conversations/0192f0c1-0000-7000-8000-000000000000/report"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", [REPORT, "/me/key", "/me/withdraw", "/moderation/bans"])
def test_forms_that_pages_of_other_sites_send_are_refused(
    client: FlaskClient, headers: dict[str, str], path: str
) -> None:
    answer = client.post(path, data={"reason": "spam"}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert "data-key-form" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "HTTPS://LOCALHOST"},
    ],
)
def test_forms_of_this_site_and_of_programs_are_taken(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    assert client.post("/me/key", headers=headers).status_code == 201
    assert client.post(REPORT, data={"reason": "spam"}, headers=headers).status_code == 404


def test_pages_are_read_from_anywhere_and_the_api_is_used_from_anywhere(
    client: FlaskClient,
) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert client.get("/explore", headers=headers).status_code == 200
    assert client.post("/v1/contributors", headers=headers).status_code == 201
