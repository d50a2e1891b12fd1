"""The index of rows: in which rows of each data file a contributor or a content is."""
