"""Clusters of points: found at several levels, and named by the words of their texts."""
