"""The terms of `croissant.json` from the vocabulary for responsible AI.

https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html. They state what is known of every
release, and what the operator answers in the datasheet.
"""

from collections.abc import Iterator
from typing import Any, Final

from app.releases.descriptions.datasheet import CREATOR, Datasheet
from app.releases.manifest import Manifest

_PREFIX: Final = "rai:"
_SINGLE: Final = frozenset(
    {
        "annotationsPerItem",
        "dataAnnotationProtocol",
        "dataCollection",
        "dataCollectionMissingData",
        "dataCollectionRawData",
        "dataReleaseMaintenancePlan",
        "dataSocialImpact",
    }
)
"""The terms that take one value, or of which mlcroissant takes one. Several texts are joined."""


def responsible_terms(manifest: Manifest, datasheet: Datasheet) -> dict[str, Any]:
    """Return the terms with their values.

    Args:
        manifest: Manifest of the release, with its statistics.
        datasheet: What the operator answers to the questions of a datasheet.
    """
    terms: dict[str, list[str]] = {}
    for term, value in _known(manifest):
        terms.setdefault(term, []).append(value)
    for term, answers in datasheet.by_term().items():
        if term != CREATOR:
            terms.setdefault(term, []).extend(answers)
    return {
        f"{_PREFIX}{term}": " ".join(values) if term in _SINGLE else values
        for term, values in terms.items()
    }


def _known(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield what is known without the operator."""
    yield "dataCollection", "People sent conversations with language models over HTTP."
    yield "dataCollectionType", "User-generated content data"
    yield (
        "dataCollectionRawData",
        f"Every version of a conversation as it was sent, in snapshot {manifest.snapshot_id} "
        "of the lake.",
    )
    statistics = manifest.statistics
    if statistics and statistics.first_received_at and statistics.last_received_at:
        yield "dataCollectionTimeframe", statistics.first_received_at.isoformat()
        yield "dataCollectionTimeframe", statistics.last_received_at.isoformat()
    yield from _preparation(manifest)
    yield (
        "dataAnnotationProtocol",
        "Contributors may rate each turn positive or negative, and send a correction of it.",
    )
    yield "annotationsPerItem", "At most one rating for each turn."
    yield from _personal_data(manifest)
    yield "dataLimitations", "Nothing was moderated."
    if not manifest.evaluation_sets:
        yield "dataLimitations", "Rows that overlap with sets of evaluations were not left out."
    yield (
        "dataReleaseMaintenancePlan",
        "No row of this release is ever changed or added. Contributions that are taken down leave "
        "it with a new revision. A later release has another name.",
    )


def _preparation(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for step, version in manifest.rules.items():
        yield "dataPreprocessingProtocol", f"The rules of {step}, in the version {version}."
    for reason in manifest.reasons:
        count = manifest.dropped.get(reason.reason, 0)
        threshold = f" ({reason.threshold})" if reason.threshold else ""
        yield (
            "dataPreprocessingProtocol",
            f"{reason.reason}: contributions {reason.left_out}{threshold} were left out: {count}.",
        )
    for checked in manifest.evaluation_sets:
        yield (
            "dataPreprocessingProtocol",
            f"Checked against the evaluation set {checked.name} {checked.version} "
            f"({checked.licence}; {checked.items} items; SHA-256 {checked.sha256}): "
            f"{checked.dropped} contributions that overlap with it were left out.",
        )
    if manifest.stage != "raw":
        cleaning = manifest.rules.get("cleaning", "unknown")
        yield "machineAnnotationTools", f"Rules of cleaning, for languages: {cleaning}"


def _personal_data(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if not manifest.masked:
        yield "personalSensitiveInformation", "Nothing was masked."
        return
    counts = ", ".join(f"{kind} {count}" for kind, count in manifest.masked.items())
    yield (
        "personalSensitiveInformation",
        f"What was recognised is replaced by placeholders ({counts}). Not all is recognised"
        f"{'' if manifest.masks_names else '; names of people stay'}.",
    )
