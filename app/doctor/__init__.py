"""The doctor: checks of everything that has to be true of a lake, and how to mend what isn't."""
