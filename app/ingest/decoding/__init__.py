"""Decoding: from the bytes of a submission to a contribution, under keyed hashes of its ids."""
