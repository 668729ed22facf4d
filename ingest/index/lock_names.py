"""Names of the library's locks; see :mod:`agent.store.locks`."""

INDEX = "index"  # taken while a batch is written: LanceDB would let two writers run into each other
REINDEX = "reindex"  # taken while a whole index is built beside the active one


def source(name: str) -> str:
    """Returns the name of the lock that a source is listed under."""
    return f"source:{name}"
