"""Reports on what people asked: what the documents did not answer, which are used, which may be old."""
