"""The container files agree with the service and keep what they promise."""
