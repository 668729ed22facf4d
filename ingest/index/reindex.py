"""Another embedding model: the index made anew beside the one that is searched, and then switched to.

Promises: searches go on with the old table until the new one is whole, and then find everything in the new one;
documents are not read again, their chunks are copied; what was killed goes on where it was; syncs go on meanwhile,
and what they change is copied once more before the switch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
from sqlalchemy import update

from agent.clock import now
from agent.errors import UserError
from agent.store import locks
from ingest import lock_names
from ingest.index import lancedb_runtime, scan
from ingest.index.active_index import ActiveIndex, IndexHandle, IndexState
from ingest.progress import Progress, ignore_progress
from ingest.tables import IndexStateRow

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


@dataclass
class Spent:
    """What it took."""

    n_chunks: int = 0
    n_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def change(live: ActiveIndex, model: str, *, is_anew: bool = False) -> Change | None:
    """What going over to ``model`` would take; None where there is no index, or one of that model that is not to
    be made ``is_anew``."""
    with live.database.transaction() as transaction:
        state = live.state(transaction)
    index = live.stores(state).index
    if (state.embedding_model == model and not is_anew) or not index.exists():
        return None
    n_chunks, n_chars = scan.size(index)
    n_tokens, cost_usd = live.opened("", model).embedder.estimate(n_chars)
    return Change(state.embedding_model, model, n_chunks, n_tokens, cost_usd)


def run(live: ActiveIndex, model: str, *, is_anew: bool = False, progress: Progress = ignore_progress) -> Spent:
    """Copies, switches, and drops what an earlier switch left; raises :class:`agent.errors.ModelError` when the
    model is away: run it again, it goes on where it was. Where the model is the same and gives other vectors now,
    it ``is_anew``, and begins with nothing."""
    spent = Spent()
    with _alone(live):
        old, new = _opened(live, model, is_anew=is_anew)
        while len(_differing(old, new)) > FEW_DOCUMENTS:
            _copy(old, new, spent, progress)
        new.index.optimize()  # most of it, while others may write
        with locks.acquire(live.database, lock_names.INDEX):
            _copy(old, new, spent, progress)
            new.index.optimize()
            _switch(live, new)
    return spent


def tidy(live: ActiveIndex) -> None:
    """Drops the table of a change that was given up, and what an earlier switch left."""
    with _alone(live), locks.acquire(live.database, lock_names.INDEX):
        _drop_next(live, _state(live))
        drop_old(live)


def drop_old(live: ActiveIndex) -> None:
    """Drops the table that an earlier switch left, once nobody can be reading it any more. Call it under the
    index's lock."""
    state = _state(live)
    if state.old_table and state.switched_at and now() - state.switched_at > KEEP_OLD:
        lancedb_runtime.run(lancedb_runtime.drop(live.address, state.old_table))
        _update(live, old_table=None)


@contextmanager
def _alone(live: ActiveIndex) -> Iterator[None]:
    with locks.try_acquire(live.database, lock_names.REINDEX) as is_ours:
        if not is_ours:
            raise UserError("The index is being made anew already. Wait until that has ended.")
        yield


def _opened(live: ActiveIndex, model: str, *, is_anew: bool) -> tuple[IndexHandle, IndexHandle]:
    """The live table and the next one, new or as far as it was made."""
    old = live.settled()
    state = _state(live)
    if state.embedding_model == model and not is_anew:
        raise UserError(f"The index is already made with '{model}'.")
    if is_anew or state.next_model != model:
        _drop_next(live, state)
        state = _state(live)
    table = state.next_table or f"chunks_{uuid4().hex[:12]}"
    _update(live, next_table=table, next_model=model)
    return old, live.opened(table, model)


def _drop_next(live: ActiveIndex, state: IndexState) -> None:
    if state.next_table:
        lancedb_runtime.run(lancedb_runtime.drop(live.address, state.next_table))
        _update(live, next_table=None, next_model=None)


def _differing(old: IndexHandle, new: IndexHandle) -> list[str]:
    """Documents that the new table has not, or not as they are now."""
    held = scan.editions(new.index)
    return sorted(id_ for id_, edition in scan.editions(old.index).items() if held.get(id_) != edition)


def _copy(old: IndexHandle, new: IndexHandle, spent: Spent, progress: Progress) -> None:
    """What differs is copied and embedded; what is gone from the old table goes from the new one."""
    differing = _differing(old, new)
    for n_done, ids in _counted(differing):
        chunks = scan.rows(old.index, ids)
        kept = scan.vectors(new.index, ids)
        texts = list(dict.fromkeys(chunk.search_text for chunk in chunks if chunk.search_text not in kept))
        if texts:
            embedded = new.embedder.documents(texts)
            kept |= dict(zip(texts, embedded.vectors, strict=True))
            spent.n_tokens += embedded.n_tokens
            spent.cost_usd += embedded.cost_usd
        if chunks:
            new.index.replace(ids, chunks, np.stack([kept[chunk.search_text] for chunk in chunks]))
        spent.n_chunks += len(texts)
        progress(n_done, len(differing))
    new.index.remove(scan.editions(new.index).keys() - scan.editions(old.index).keys())


def _counted(ids: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(ids), DOCUMENTS_AT_ONCE):
        some = ids[start : start + DOCUMENTS_AT_ONCE]
        yield start + len(some), some


def _switch(live: ActiveIndex, new: IndexHandle) -> None:
    state = _state(live)
    if state.old_table:  # of a switch within the hour; who began to search it has ended while this one was made
        lancedb_runtime.run(lancedb_runtime.drop(live.address, state.old_table))
    _update(
        live,
        table_name=new.index.table,
        embedding_model=new.embedder.model,
        next_table=None,
        next_model=None,
        old_table=state.table,
        switched_at=now(),
    )


def _state(live: ActiveIndex) -> IndexState:
    with live.database.transaction() as transaction:
        return live.state(transaction)


def _update(live: ActiveIndex, **values: object) -> None:
    with live.database.transaction() as transaction:
        transaction.execute(update(IndexStateRow).where(IndexStateRow.address == live.address).values(values))
