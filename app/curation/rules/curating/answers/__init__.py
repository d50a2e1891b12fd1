"""Answers that fail: refusals, parrots, placeholders, and what programs print instead."""
