"""Curation: from the raw conversations to cleaned ones, and to those that are worth training on."""
