"""The store that the settings choose."""

from app.releases.stores.folder import FolderStore
from app.releases.stores.interface import ReleaseStore
from app.settings import Settings
from app.state.published_folder import PublishedFolder


def open_store(settings: Settings) -> ReleaseStore:
    """Return the store that the settings choose: a bucket, or the local folder of releases."""
    folder = PublishedFolder(settings.releases)
    if not settings.releases_bucket:
        return FolderStore(folder)
    # boto3 takes long to import, and only a bucket needs it.
    from app.releases.stores.bucket import BucketStore  # noqa: PLC0415

    return BucketStore(settings.releases_bucket, settings, folder)
