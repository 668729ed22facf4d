"""Parts of :mod:`ingest.sources.slack`: ``calls`` asks Slack's Web API, ``channels`` chooses what is read, and
``conversation`` renders a thread.
"""
