"""The properties that engines need to open the files of a table."""

from app.settings import Settings


def file_access(settings: Settings) -> dict[str, str]:
    """Return the properties with which an engine opens the table's files.

    The service's own keys are never among them, so each property is chosen by name. Keys are the
    ones that the operator made for engines, and only if the settings say to give them away.
    """
    if not settings.warehouse.startswith("s3://"):
        return {}
    endpoint = settings.iceberg_s3_endpoint or settings.s3_endpoint
    location = {
        "s3.endpoint": endpoint,
        "s3.region": settings.s3_region,
        "client.region": settings.s3_region,
        # For servers other than AWS's: pyiceberg has the first name, Java and DuckDB the second.
        "s3.force-virtual-addressing": "false" if endpoint else None,
        "s3.path-style-access": "true" if endpoint else None,
    }
    keys = {
        "s3.access-key-id": settings.iceberg_s3_access_key_id,
        "s3.secret-access-key": settings.iceberg_s3_secret_access_key,
    }
    properties = {**location, **keys} if settings.iceberg_vend_credentials else location
    return {name: value for name, value in properties.items() if value is not None}
