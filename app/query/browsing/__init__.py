"""What pages for people show of contributions: lists with excerpts, and reviews by moderators."""
