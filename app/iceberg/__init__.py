"""The lake as a catalog that other engines attach: what it says, without HTTP."""
