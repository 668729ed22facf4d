"""JSON bodies stored once each, under the SHA-256 of their canonical form."""

import json
from collections.abc import Sequence
from hashlib import sha256

from sqlalchemy.dialects.postgresql import insert

from agent.json_sanitizer import clean
from agent.store import locks
from agent.store.database import Transaction
from agent.store.tables import BlobRow


def put(transaction: Transaction, bodies: Sequence[object]) -> list[str]:
    """Stores the bodies that are new; returns the hash of each, in order."""
    locks.lock_shared(transaction, locks.BLOBS)  # none of these is deleted before the commit
    rows = {}
    hashes = []
    for body in map(clean, bodies):
        canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        hashes.append(key)
        rows[key] = {"hash": key, "body": body}
    transaction.execute(insert(BlobRow).on_conflict_do_nothing(), [rows[key] for key in sorted(rows)])
    return hashes
