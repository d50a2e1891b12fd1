"""The edge of the service, where connections are held and closed."""
