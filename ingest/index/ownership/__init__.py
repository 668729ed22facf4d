"""Whose an index is, and who may write it now: at the index itself, because Postgres cannot say it to others.

``owner_record`` is what the index says, ``bucket_lock`` and ``folder_lock`` take its lock, and ``index_writer``
holds it around what a process writes and records in Postgres which version that made.
"""
