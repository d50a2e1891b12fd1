"""Connections: HTTP from and to one client, within limits and deadlines."""
