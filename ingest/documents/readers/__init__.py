"""Readers: one module per format, each run in the child process of :mod:`ingest.documents.sandbox`."""
