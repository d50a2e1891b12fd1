"""Takedowns: what was asked to be erased, and what stays of it, in the relational database.

What stays of a contribution is enough to know it again: its id, its conversation_id, its content
hash and the number of its commit. No text is kept. A contribution belongs to the first takedown
that named it. Readers don't see it from the moment at which the takedown is recorded; once it is
erased, there is nothing left to hide.

The ids of takedowns become visible in ascending order, so whoever has read up to an id finds
everything new above it.
"""
