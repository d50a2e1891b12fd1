import json

import pytest

from app.ingest.decoding.contributions import new_contribution_id
from app.ingest.decoding.strict_json import JsonLimits
from app.ingest.errors import InvalidSubmission
from app.ingest.terms import RequiredTerms
from app.ingest.uploads.line_decoder import LineDecoder
from app.ingest.uploads.lines import LineCutter
from tests.factories import SENDER, make_submission

DECODER = LineDecoder(
    JsonLimits(max_turns=100, max_nesting=64, max_object_keys=1_000), RequiredTerms("2026-11")
)
AGREED = json.dumps(make_submission(terms_version="2026-11")).encode()
SILENT = json.dumps(make_submission()).encode()
OUTDATED = json.dumps(make_submission(terms_version="2025-01")).encode()


@pytest.mark.parametrize(
    ("bodies", "wrong"),
    [
        ([AGREED, AGREED], []),
        ([SILENT], [1]),
        ([AGREED, SILENT, AGREED, OUTDATED], [2, 4]),
        # Without a line of the expected form, none is read by columns.
        ([SILENT, b"no JSON", OUTDATED], [1, 2, 3]),
    ],
)
def test_every_line_has_to_state_the_terms(bodies: list[bytes], wrong: list[int]) -> None:
    cutter = LineCutter(1 << 30)
    (lines,) = [*cutter.feed(b"\n".join(bodies)), *cutter.finish()]
    decoded = DECODER.decode(lines, [new_contribution_id() for _ in bodies], SENDER)
    assert [number for number, _ in decoded.wrong] == wrong
    assert decoded.rows["terms_version"].to_pylist() == ["2026-11"] * (len(bodies) - len(wrong))


@pytest.mark.parametrize("stated", [None, "2025-01", "2026-11 "])
def test_a_refusal_names_the_field_the_page_and_the_version(stated: str | None) -> None:
    with pytest.raises(InvalidSubmission) as refusal:
        RequiredTerms("2026-11").check(stated)
    ((field, (problem,)),) = refusal.value.errors.items()
    assert field == "terms_version"
    assert "/terms" in problem
    assert "'2026-11'" in problem
