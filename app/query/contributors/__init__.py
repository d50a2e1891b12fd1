"""The index of contributors: in which rows of each data file a contributor is, and how many."""
