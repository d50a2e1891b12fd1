"""The journal: what is acknowledged, from there on durable, and not yet in the lake."""
