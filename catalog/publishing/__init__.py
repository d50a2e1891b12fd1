"""Tables as other engines get them: some of their snapshots, without hidden rows."""
