"""An inverted index of the texts of contributions, one file for each data file."""
