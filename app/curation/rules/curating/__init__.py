"""Curating: which cleaned conversations are worth training on, as pure functions over Arrow."""
