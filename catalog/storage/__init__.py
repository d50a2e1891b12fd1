"""Where a lake is stored: files that survive a power cut, and the databases of the catalog."""
