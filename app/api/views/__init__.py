"""The views: a module with one blueprint for each resource."""
