"""Maps that need no key: browsers send none with a picture, nor when they open the viewer."""

from app.maps.description import MapDescription
from app.services import current_services


def is_open(described: MapDescription) -> bool:
    """Tell whether a map needs no key."""
    source = described.source
    return not current_services().access.policy.map(described.name, source.stage, source.release)
