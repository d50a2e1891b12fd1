"""Scorers of texts: those that the service ships, and how an operator's are loaded."""
