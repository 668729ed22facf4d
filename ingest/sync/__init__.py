"""Syncs: a source's listing compared with what is known, documents read and written, progress kept in Postgres."""
