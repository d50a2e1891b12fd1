"""The contributions that filters select, of the raw table or of a stage, as pages and streams."""
