"""Another embedding model: the index made anew beside the one that is searched, and then switched to.

Promises: searches go on with the old table until the new one is whole, and then find everything in the new one;
documents are not read again, their chunks are copied; what was killed goes on where it was; syncs go on meanwhile,
and what they change is copied once more before the switch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
from sqlalchemy import update

from agent.database import Database, now
from agent.errors import UserError
from ingest import lance, locks
from ingest.batches import Stores
from ingest.live import Live, State
from ingest.plan import Progress, unheard
from ingest.rows import IndexStateRow

REINDEX = "reindex"  # the lock: one at a time
DOCUMENTS_AT_ONCE = 100
FEW_DOCUMENTS = 200  # so many may be copied while writers wait
KEEP_OLD = timedelta(hours=1)  # searches that have begun must find the table they began with


@dataclass(frozen=True)
class Change:
    """What a change of model takes. ``cost_usd`` is None where the price is not known."""

    model_now: str
    model_next: str
    n_chunks: int
    n_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True)
class Spent:
    """What it took."""

    n_chunks: int
    n_tokens: int
    cost_usd: Decimal


def change(live: Live, database: Database, model: str) -> Change | None:
    """What going over to ``model`` would take; None where the index is of that model, or there is none."""
    with database.transaction() as transaction:
        state = live.state(transaction)
    index = live.stores(state).index
    if state.embedding_model == model or not index.exists():
        return None
    n_chunks, n_chars = index.size()
    n_tokens, cost_usd = live.opened("", model).embedder.estimate(n_chars)
    return Change(state.embedding_model, model, n_chunks, n_tokens, cost_usd)


def run(live: Live, database: Database, model: str, *, progress: Progress = unheard) -> Spent:
    """Copies, switches, and drops what an earlier switch left; raises :class:`agent.errors.ModelError` when the
    model is away: run it again, it goes on where it was."""
    with locks.tried(database, REINDEX) as is_ours:
        if not is_ours:
            raise UserError("The index is being made anew already. Wait until that has ended.")
        old, new = _opened(live, database, model)
        n_chunks = 0
        while len(_differing(old, new)) > FEW_DOCUMENTS:
            n_chunks += _copied(old, new, progress)
        with locks.held(database, locks.INDEX):
            n_chunks += _copied(old, new, progress)
            new.index.optimize()
            _switch(live, database, new)
        return Spent(n_chunks, new.embedder.n_tokens, new.embedder.cost_usd)


def drop_old(live: Live, database: Database) -> None:
    """Drops the table that an earlier switch left, once nobody can be reading it any more. Call it under the
    index's lock."""
    with database.transaction() as transaction:
        state = live.state(transaction)
    if state.old_table and state.switched_at and now() - state.switched_at > KEEP_OLD:
        lance.run(lance.drop(live.address, state.old_table))
        _update(live, database, old_table=None)


def _opened(live: Live, database: Database, model: str) -> tuple[Stores, Stores]:
    """The live table and the next one, new or as far as it was made."""
    old = live.settled()
    with database.transaction() as transaction:
        state = live.state(transaction)
    _require_change(state, model)
    if state.next_table and state.next_model != model:
        lance.run(lance.drop(live.address, state.next_table))
    table = state.next_table if state.next_table and state.next_model == model else f"chunks_{uuid4().hex[:12]}"
    _update(live, database, next_table=table, next_model=model)
    return old, live.opened(table, model)


def _require_change(state: State, model: str) -> None:
    if state.embedding_model == model:
        raise UserError(f"The index is already made with '{model}'.")


def _differing(old: Stores, new: Stores) -> list[str]:
    """Documents that the new table has not, or not as they are now."""
    held = new.index.editions()
    return sorted(id_ for id_, edition in old.index.editions().items() if held.get(id_) != edition)


def _copied(old: Stores, new: Stores, progress: Progress) -> int:
    """How many chunks were embedded; what is gone from the old table goes from the new one."""
    n_chunks = 0
    differing = _differing(old, new)
    for n_done, ids in _counted(differing):
        chunks = old.index.rows(ids)
        kept = new.index.vectors(ids)
        texts = list(dict.fromkeys(chunk.search_text for chunk in chunks if chunk.search_text not in kept))
        if texts:
            kept |= dict(zip(texts, new.embedder.documents(texts), strict=True))
        if chunks:
            new.index.replace(ids, chunks, np.stack([kept[chunk.search_text] for chunk in chunks]))
        n_chunks += len(texts)
        progress(n_done, len(differing))
    new.index.remove(new.index.editions().keys() - old.index.editions().keys())
    return n_chunks


def _counted(ids: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(ids), DOCUMENTS_AT_ONCE):
        some = ids[start : start + DOCUMENTS_AT_ONCE]
        yield start + len(some), some


def _switch(live: Live, database: Database, new: Stores) -> None:
    with database.transaction() as transaction:
        old = live.state(transaction).table
    _update(
        live,
        database,
        table_name=new.index.table,
        embedding_model=new.embedder.model,
        next_table=None,
        next_model=None,
        old_table=old,
        switched_at=now(),
    )


def _update(live: Live, database: Database, **values: object) -> None:
    with database.transaction() as transaction:
        transaction.execute(update(IndexStateRow).where(IndexStateRow.address == live.address).values(values))
