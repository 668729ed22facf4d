"""Tests of ingest.embedding."""
