"""The index: LanceDB's table of chunks, which table is live, filters, candidates of a search."""
