"""Whether documents, verified answers and the index agree."""

from agent.text import count
from bot.record.safekeeping.check.finding import CheckedPart, Fault
from ingest.index.active_index import ActiveIndex
from ingest.sync.agreement import comparison
from ingest.sync.agreement.comparison import DifferenceKind, DocumentComparison
from ingest.verified import indexing

DOCUMENTS, VERIFIED = "documents", "verified answers"
WORDS = {
    DifferenceKind.NO_PASSAGES: ("without passages in the index", "the next sync reads it again"),
    DifferenceKind.OTHER_PASSAGES: ("with other passages than the record says", "the next sync reads it again"),
    DifferenceKind.OTHER_READERS: (
        "for other readers than the record says",
        "left to those who may read it by both; the next sync gives back what its source gives",
    ),
    DifferenceKind.NO_DOCUMENT: ("in the index that the record does not know", "taken out of the index"),
}


def check_documents(active: ActiveIndex, *, repairs: bool) -> CheckedPart:
    """Compares every document; raises :class:`agent.errors.UserError` where the index cannot be read."""
    found = comparison.compare(active, repairs=repairs)
    faults = [
        Fault(
            f"{count(n, 'document')} {WORDS[kind][0]}: {', '.join(found.examples[kind])}"
            + (" …" if n > len(found.examples[kind]) else ""),
            n,
            WORDS[kind][1],
            is_repaired=repairs,
        )
        for kind, n in sorted(found.counts.items())
    ]
    return CheckedPart(DOCUMENTS, count(found.n_documents, "document"), faults, _describe_waiting(found))


def check_verified(active: ActiveIndex, *, chunk_tokens: int, repairs: bool) -> CheckedPart:
    """Compares the verified answers that may be used with those that the index has."""
    with active.database.transaction() as transaction:
        found = comparison.compare_verified(transaction)
    words = ((found.n_missing, "not in the index"), (found.n_outdated, "in the index that must not be used"))
    faults = [
        Fault(f"{count(n, 'answer')} {what}", n, "the index is brought in step with them", is_repaired=repairs)
        for n, what in words
        if n
    ]
    if repairs:  # also for passages that differ, which were found with the documents
        indexing.refresh(active, chunk_tokens=chunk_tokens)
    return CheckedPart(VERIFIED, count(found.n_answers, "answer"), faults)


def _describe_waiting(found: DocumentComparison) -> str:
    if not found.n_waiting:
        return ""
    wait = "1 document waits" if found.n_waiting == 1 else f"{found.n_waiting:,} documents wait"
    return f"{wait} to be read in by the next sync"
