"""Takedowns from published releases, by new revisions of them."""
