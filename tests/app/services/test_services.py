from pathlib import Path

from app.services import Services
from app.settings import Settings


def test_making_services_connects_to_nothing_and_writes_nothing(tmp_path: Path) -> None:
    services = Services(Settings.at(tmp_path / "lake"))
    services.close()
    assert "catalog" not in vars(services)
    assert not (tmp_path / "lake").exists()
