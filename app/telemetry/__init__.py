"""What the service tells of itself: metrics and log lines."""
