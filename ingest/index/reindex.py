"""Changes the embedding model: builds a second table beside the active one, then switches to it.

Promises: searches use the old table until the new one is complete; documents are not read again, their chunks are
copied; a run that was killed is resumed by the next; syncs go on meanwhile, and what they change is copied again
before the switch.
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
from ingest.index import lancedb_runtime, lock_names, scan
from ingest.index.active_index import ActiveIndex, IndexHandle, IndexState
from ingest.progress import Progress, ignore_progress
from ingest.tables import IndexStateRow

BATCH_DOCUMENTS = 100
FEW_DOCUMENTS = 200  # may be copied while writers wait
OLD_TABLE_LIFETIME = timedelta(hours=1)  # for searches that began before the switch


@dataclass(frozen=True)
class ModelChange:
    """An estimate of a change of model. ``cost_usd`` is None where the price is not known."""

    model_now: str
    model_next: str
    n_chunks: int
    n_tokens: int
    cost_usd: Decimal | None


@dataclass
class EmbeddingCost:
    """What was embedded, and what it cost."""

    n_chunks: int = 0
    n_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def estimate_change(active: ActiveIndex, model: str, *, is_forced: bool = False) -> ModelChange | None:
    """Estimates a change to ``model``; None where there is no index, or it is made with that model already and the
    change is not ``is_forced``."""
    with active.database.transaction() as transaction:
        state = active.state(transaction)
    index = active.open_state(state).index
    if (state.embedding_model == model and not is_forced) or not index.exists():
        return None
    n_chunks, n_chars = scan.measure(index)
    n_tokens, cost_usd = active.open("", model).embedder.estimate(n_chars)
    return ModelChange(state.embedding_model, model, n_chunks, n_tokens, cost_usd)


def run(
    active: ActiveIndex, model: str, *, is_forced: bool = False, progress: Progress = ignore_progress
) -> EmbeddingCost:
    """Copies all chunks into a table for ``model``, switches to it, and drops what an earlier switch left.

    ``is_forced`` begins from nothing although the model is the same, because it now returns other vectors. Raises
    :class:`agent.errors.ModelError` when the model cannot be reached; another call resumes.
    """
    cost = EmbeddingCost()
    with _one_run(active):
        old, new = _open_both(active, model, is_forced=is_forced)
        while len(_outdated(old, new)) > FEW_DOCUMENTS:
            _copy(old, new, cost, progress)
        new.index.optimize()  # most of the work, while others may write
        with active.writer.alone():
            _copy(old, new, cost, progress)
            new.index.optimize()
            _switch(active, new)
    return cost


def clean_up(active: ActiveIndex) -> None:
    """Drops the table of a change that was given up, and the one an earlier switch left."""
    with _one_run(active), active.writer.alone():
        active.writer.claim()
        _drop_next(active, _state(active))
        drop_old_table(active)


def drop_old_table(active: ActiveIndex) -> None:
    """Drops the table that an earlier switch left, once no search can be reading it.

    The caller holds the index's lock.
    """
    state = _state(active)
    if state.old_table and state.switched_at and now() - state.switched_at > OLD_TABLE_LIFETIME:
        lancedb_runtime.run(lancedb_runtime.drop_table(active.address, state.old_table))
        _update(active, old_table=None)


@contextmanager
def _one_run(active: ActiveIndex) -> Iterator[None]:
    with locks.try_acquire(active.database, lock_names.REINDEX) as is_ours:
        if not is_ours:
            raise UserError("Another 'docent reindex' is running. Wait until it has ended.")
        yield


def _open_both(active: ActiveIndex, model: str, *, is_forced: bool) -> tuple[IndexHandle, IndexHandle]:
    """Opens the active table and the next one, which is new or what a killed run left."""
    old = active.ensure_state()
    state = _state(active)
    if state.embedding_model == model and not is_forced:
        raise UserError(f"The index is already made with '{model}'.")
    if is_forced or state.next_model != model:
        _drop_next(active, state)
        state = _state(active)
    table = state.next_table or f"chunks_{uuid4().hex[:12]}"
    _update(active, next_table=table, next_model=model)
    return old, active.open(table, model)


def _drop_next(active: ActiveIndex, state: IndexState) -> None:
    if state.next_table:
        lancedb_runtime.run(lancedb_runtime.drop_table(active.address, state.next_table))
        _update(active, next_table=None, next_model=None)


def _outdated(old: IndexHandle, new: IndexHandle) -> list[str]:
    """Lists documents that the new table lacks, or has in another version."""
    copied = scan.document_versions(new.index)
    return sorted(id_ for id_, version in scan.document_versions(old.index).items() if copied.get(id_) != version)


def _copy(old: IndexHandle, new: IndexHandle, cost: EmbeddingCost, progress: Progress) -> None:
    """Copies and embeds what differs; removes from the new table what is gone from the old one."""
    outdated = _outdated(old, new)
    for start in range(0, len(outdated), BATCH_DOCUMENTS):
        ids = outdated[start : start + BATCH_DOCUMENTS]
        _copy_documents(ids, old, new, cost)
        progress(start + len(ids), len(outdated))
    new.index.remove(scan.document_versions(new.index).keys() - scan.document_versions(old.index).keys())


def _copy_documents(ids: Sequence[str], old: IndexHandle, new: IndexHandle, cost: EmbeddingCost) -> None:
    chunks = scan.read_chunks(old.index, ids)
    vectors = scan.read_vectors(new.index, ids)
    texts = list(dict.fromkeys(chunk.search_text for chunk in chunks if chunk.search_text not in vectors))
    if texts:
        embedded = new.embedder.embed_documents(texts)
        vectors |= dict(zip(texts, embedded.vectors, strict=True))
        cost.n_tokens += embedded.n_tokens
        cost.cost_usd += embedded.cost_usd
    if chunks:
        new.index.replace(ids, chunks, np.stack([vectors[chunk.search_text] for chunk in chunks]))
    cost.n_chunks += len(texts)


def _switch(active: ActiveIndex, new: IndexHandle) -> None:
    state = _state(active)
    if state.old_table:  # of a switch within the hour; searches of it have ended while this table was built
        lancedb_runtime.run(lancedb_runtime.drop_table(active.address, state.old_table))
    _update(
        active,
        table_name=new.index.table,
        embedding_model=new.embedder.model,
        next_table=None,
        next_model=None,
        old_table=state.table,
        switched_at=now(),
        version=int(new.index.version()),
        write_id=uuid4().hex,
        is_writing=False,
        optimized_version=None,
    )


def _state(active: ActiveIndex) -> IndexState:
    with active.database.transaction() as transaction:
        return active.state(transaction)


def _update(active: ActiveIndex, **values: object) -> None:
    with active.database.transaction() as transaction:
        transaction.execute(update(IndexStateRow).where(IndexStateRow.address == active.address).values(values))
