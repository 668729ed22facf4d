"""Syncs: bring the index and the ``documents`` table in step with a source.

``sync`` is the flow, in one process; ``distributed`` the same over several. ``diff`` lists a source and compares
it with what is known, ``reader_pool`` reads documents, ``writer`` embeds and writes them. ``store`` keeps the
state of syncs in Postgres, ``claims`` and ``heartbeat`` say that somebody works on one, ``reports`` tells what
came of it.
"""
