"""Posting, changing and deleting messages, with the events that tell the app."""
