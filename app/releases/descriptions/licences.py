"""Names of licences as the Hugging Face Hub and Croissant want them."""

from typing import Final

_ON_THE_HUB: Final = {
    "apache-2.0": "apache-2.0",
    "cc-by-2.0": "cc-by-2.0",
    "cc-by-3.0": "cc-by-3.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
    "cc-by-nc-nd-4.0": "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0": "cc-by-nd-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc0-1.0": "cc0-1.0",
    "cdla-permissive-2.0": "cdla-permissive-2.0",
    "mit": "mit",
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
    "unknown": "unknown",
}
"""The Hub's name of a licence for data, by its SPDX id in lower case.

https://huggingface.co/docs/hub/repositories-licenses
"""
_OTHER: Final = "other"


def hub_licence(spdx_id: str) -> str:
    """Return the Hub's name of a licence; `other` when it has none."""
    return _ON_THE_HUB.get(spdx_id.lower(), _OTHER)


def licence_url(spdx_id: str) -> str:
    """Return the URL of a licence's text; its SPDX id when no URL is known."""
    if spdx_id.lower() in _ON_THE_HUB and spdx_id.lower() != "unknown":
        return f"https://spdx.org/licenses/{spdx_id}.html"
    return spdx_id
