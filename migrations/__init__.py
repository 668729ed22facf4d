"""Alembic migrations: the only thing that creates tables."""

HEAD = "0005"  # the revision this release works with; a test compares it with the scripts
