"""Saved messages: EML and Outlook's MSG."""
