"""Who may read a document, and which documents everybody who sees an answer may read."""
