"""Slack: what comes from it, the client, replies and what they are made of, the manifest."""
