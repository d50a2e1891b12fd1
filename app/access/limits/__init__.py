"""How much one client may ask and send: token buckets that all workers of a server share."""
