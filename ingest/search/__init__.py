"""Search: candidates fused, reranked and corrected for typos; listing of documents."""
