"""Numbers of contributions for readers: by group, beside a list, and of the whole lake."""
