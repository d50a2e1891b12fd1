"""What a release counts while its rows pass: in one pass, and in bounded memory.

Every count is the same however the rows are cut into batches.
"""
