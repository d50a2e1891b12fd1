"""The rules of `cleaned`: repair texts, tell roles and mask personal data and secrets.

The entry point is `rows.clean`.
"""
