"""Takedown: finding what was asked to be taken down, and erasing it from everything."""
