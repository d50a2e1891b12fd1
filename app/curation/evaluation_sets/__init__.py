"""Evaluation sets: what models are tested on, and so must not be trained on."""
