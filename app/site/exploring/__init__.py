"""What the pages that explore the lake share: parameters, words, and the same query in SQL."""
