"""RQ jobs: answering questions, syncing sources, leases, the queue.

RQ stores the dotted paths ``bot.jobs.answer``, ``bot.sync_jobs.begin``, ``.work`` and ``.verified``. They stay
importable under these names, so that processes of two releases can work side by side. Importing this package loads
nothing heavy: the web process uses the queue.
"""


def answer(session_id: str) -> None:
    """Answers the session's open questions: the RQ job."""
    from bot.jobs import answering

    answering.answer(session_id)
