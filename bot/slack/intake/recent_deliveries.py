"""The delivery keys that this process committed recently."""

import threading
from collections import OrderedDict

MAX_KEYS = 10_000


class RecentDeliveries:
    """Recognises a twin that arrives after its delivery was committed, without a query.

    Only saves work: the unique row in Postgres decides; for Stop, which has no row, the time it was pressed does
    (see :func:`agent.store.sessions.request_stop`). Thread-safe.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._keys: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def add(self, key: str) -> None:
        """Remembers a key; to be called after the commit, never before."""
        with self._lock:
            self._keys[key] = None
            if len(self._keys) > self._max_keys:
                self._keys.popitem(last=False)
