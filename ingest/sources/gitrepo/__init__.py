"""Parts of :mod:`ingest.sources.git`: ``command`` runs git, ``mirror`` keeps a copy of a repository."""
