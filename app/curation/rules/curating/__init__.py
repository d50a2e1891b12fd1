"""The rules of `curated`: which cleaned conversations are worth training on, each of them once."""
