"""The rows of a release: from which rows of a stage they are made, and in what form."""
