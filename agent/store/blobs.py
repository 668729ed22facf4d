"""JSON bodies stored once each, under the SHA-256 of their canonical form."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from agent.prompting.json_sanitizer import clean
from agent.store import locks
from agent.store.database import Transaction

# The lock first: none of these bodies is deleted before the commit, and what was deleted before is stored again.
# In the order of their hashes: two that store the same bodies wait for each other and never in a circle.
INSERT = f"""
INSERT INTO blobs (hash, body) SELECT key, value
FROM (SELECT {locks.share_sql(locks.BLOBS)}) AS locked, jsonb_each(:bodies)
ORDER BY key ON CONFLICT DO NOTHING
"""
BODIES = bindparam("bodies", type_=JSONB)
_PUT = text(INSERT).bindparams(BODIES)


@dataclass
class BlobBatch:
    """Bodies that are stored together, by their hashes."""

    bodies: dict[str, object] = field(default_factory=dict)

    def add(self, body: object) -> str:
        """Adds a body; returns its hash."""
        cleaned = clean(body)
        canonical = json.dumps(cleaned, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        key = sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()
        self.bodies[key] = cleaned
        return key


def put(transaction: Transaction, bodies: Iterable[object]) -> list[str]:
    """Stores the bodies that are new; returns the hash of each, in order."""
    batch = BlobBatch()
    hashes = [batch.add(body) for body in bodies]
    transaction.execute(_PUT, {"bodies": batch.bodies})
    return hashes
