"""Slack: what it sends (:mod:`.listeners`, :mod:`.events`, :mod:`.inbox`), the client, and what the bot posts
(:mod:`bot.slack.replies`). Loads no model: the web process runs the listeners.
"""
