"""Near duplicates: candidates by MinHash, and how alike their texts are."""
