"""Where releases are published: in a folder of this machine, or in a bucket."""
