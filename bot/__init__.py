"""Docent as processes and commands.

``slack`` and ``jobs`` are what happens to a question; ``processes`` are what runs them; ``record`` reads what was
recorded of a session. ``cli``, ``doctor``, ``evaluation`` and ``demo`` are commands on top of these, ``simulator``
is a stand-in for Slack that knows none of them. Imports run that way only: commands, processes, jobs, slack.
"""
