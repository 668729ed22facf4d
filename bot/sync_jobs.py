"""The dotted paths under which RQ knows the jobs of a sync; see :mod:`bot.jobs`. Keep them: queues hold them."""


def begin(sync_id: str) -> None:
    """Lists a source: the RQ job."""
    from bot.jobs import sync_jobs

    sync_jobs.begin(sync_id)


def work(sync_id: str) -> None:
    """Reads documents of a sync: the RQ job."""
    from bot.jobs import sync_jobs

    sync_jobs.work(sync_id)


def verified(job_id: str) -> None:
    """Brings the index in step with the verified answers: the RQ job."""
    from bot.jobs import sync_jobs

    sync_jobs.refresh_verified(job_id)
