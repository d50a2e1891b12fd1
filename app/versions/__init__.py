"""Which contributions are versions of one conversation, and which version replaced which."""
