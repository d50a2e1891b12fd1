"""Who may do what: API keys, their roles, and what needs a role."""
