"""The stage `cleaned`: conversations repaired, with plain roles and without personal data.

Pure functions over Arrow. `rows.clean` is all that others call.
"""
