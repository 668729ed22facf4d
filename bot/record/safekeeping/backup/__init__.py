"""Backups: one file with the record, what is needed to restore it elsewhere, and what is left out on purpose.

``making`` makes one while Docent runs, ``restoring`` restores it into an empty database. ``archive`` is the file,
``manifest`` what it says of itself; ``table_copies`` and ``index_copy`` are its parts.
"""
