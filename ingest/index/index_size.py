"""How large the index is, as metrics tell it. Read from its manifests, which takes milliseconds: from the copy on
this machine, where the index is in a bucket."""

from dataclasses import dataclass
from typing import Any

from agent.observability.metrics import Metric, MetricKind
from ingest.index.active_index import ActiveIndex
from ingest.index.table import NoIndex

ROWS = Metric(MetricKind.GAUGE, "docent_index_rows", "Chunks in the index")
BYTES = Metric(MetricKind.GAUGE, "docent_index_bytes", "Bytes of the index's data, in its newest version")
UNINDEXED = Metric(
    MetricKind.GAUGE,
    "docent_index_unindexed_rows",
    "Chunks that are not in some search index yet, so that searches read them one by one",
)


@dataclass(frozen=True)
class IndexSize:
    """Rows and bytes of the table that is searched; ``n_unindexed`` is of the search index that lacks most."""

    n_rows: int
    n_bytes: int
    n_unindexed: int


def measure(active_index: ActiveIndex) -> IndexSize:
    """Measures the table that is searched; zeros where nothing was ever written."""

    async def read(table: Any) -> IndexSize:
        stats = await table.stats()
        indices = [await table.index_stats(index.name) for index in await table.list_indices()]
        n_unindexed = max((int(one.num_unindexed_rows) for one in indices if one), default=0)
        return IndexSize(int(stats["num_rows"]), int(stats["total_bytes"]), n_unindexed)

    with active_index.database.transaction() as transaction:
        state = active_index.state(transaction)
    try:
        return active_index.open_for_search(state).index.read(read)
    except NoIndex:
        return IndexSize(0, 0, 0)


def tell(active_index: ActiveIndex) -> None:
    """Measures the index, and sets what metrics say of it."""
    size = measure(active_index)
    ROWS.set(size.n_rows)
    BYTES.set(size.n_bytes)
    UNINDEXED.set(size.n_unindexed)
