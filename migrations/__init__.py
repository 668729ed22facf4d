"""Alembic migrations: the only thing that creates tables. Imported by nothing; Alembic runs it by its path."""
