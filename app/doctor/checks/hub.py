"""Releases on the Hub: whether what was taken down is gone there. The Hub itself isn't asked."""

from collections.abc import Iterator

from app.doctor.examined_lake import ExaminedLake
from app.doctor.finding import Finding, Severity
from app.releases.publications import HubPublication, HubPublications


def check_hub(lake: ExaminedLake) -> Iterator[Finding]:
    """Check that no repository holds an earlier revision than a takedown allows."""
    for each in HubPublications(lake.database).all():
        if each.is_outdated:
            revision = f"revision {each.revision}" if each.revision else "parts of a revision"
            what = f"{each.repository} holds {revision} of the release {each.release}, from which "
            yield _finding("error", each, f"{what}something was taken down since")
        elif each.revision is None:
            what = f"the release {each.release} isn't completely in {each.repository}"
            yield _finding("warning", each, what)
        elif each.remains:
            left = ", ".join(each.remains)
            what = f"the Hub still has of earlier revisions in {each.repository}: {left}"
            yield _finding("warning", each, what)


def _finding(severity: Severity, publication: HubPublication, what: str) -> Finding:
    publish = f"publish {publication.release} --hub {publication.repository}"
    mend = f"set CHATLAKE_HUB_TOKEN, then scripts/lake release {publish}"
    if publication.remains and severity == "warning":
        mend += f"; if they stay, scripts/lake release un{publish}, and publish it anew"
    return Finding(check="hub", severity=severity, what=what, mend=mend)
