"""Who may do what: API keys with their roles, and the gates of releases and maps."""
