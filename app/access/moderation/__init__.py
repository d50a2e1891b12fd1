"""Moderation: reports, the quarantine, bans, and the log of what was decided."""
