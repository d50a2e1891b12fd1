"""The pages: a module for each, and a folder of the same name in `templates`."""
