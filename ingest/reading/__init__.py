"""Reads documents of every format; all of it runs in the child process of :mod:`ingest.conversion`."""
