"""The commands: a module for each, or for the subcommands of one."""
