"""Embedded PostgreSQL and Valkey, from wheels."""
