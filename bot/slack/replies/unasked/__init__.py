"""Replies that nobody waits for: to messages that are not addressed to the bot, and to scheduled questions."""
