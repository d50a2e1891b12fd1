"""Reading tables: which data files a condition needs, and which of their rows meet it."""
