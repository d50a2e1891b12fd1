"""How engines reach the files that the table's metadata names."""

from app.settings import Settings


def file_access(settings: Settings) -> dict[str, str]:
    """Return what an engine must know to read the table's files, under the names of its properties.

    Each is picked by itself: what the service reads and writes with is never among them. Keys are
    those that the operator set apart for engines, and only if they are to be given away.
    """
    if not settings.warehouse.startswith("s3://"):
        return {}
    endpoint = settings.iceberg_s3_endpoint or settings.s3_endpoint
    places = {
        "s3.endpoint": endpoint,
        "s3.region": settings.s3_region,
        "client.region": settings.s3_region,
        # Of a server that isn't AWS's, as pyiceberg and as Java and DuckDB call it.
        "s3.force-virtual-addressing": "false" if endpoint else None,
        "s3.path-style-access": "true" if endpoint else None,
    }
    keys = {
        "s3.access-key-id": settings.iceberg_s3_access_key_id,
        "s3.secret-access-key": settings.iceberg_s3_secret_access_key,
    }
    given = {**places, **keys} if settings.iceberg_vend_credentials else places
    return {name: value for name, value in given.items() if value is not None}
