"""What questions say and refer to: rich text, threads, quoted, forwarded and linked messages, files.

:mod:`.rich_text` and :mod:`.enclosures` read what an event brings, for the web process. Everything else asks
Slack, for the worker.
"""
