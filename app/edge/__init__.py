"""The edge of the service: how connections are held and closed."""
