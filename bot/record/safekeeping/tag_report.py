"""Says which tags the index has, and what going back to one has done."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from agent.text import count
from bot import output
from ingest.sync.agreement.tags import IndexTag, TagRestoration

NO_TAGS = "The index has no tags. 'docent index tag NAME' tags it as it is now."


def describe_tagged(tag: IndexTag) -> str:
    """Says what was tagged, and how to go back."""
    return (
        f"Version {tag.version} of the index, with {count(tag.n_chunks, 'passage')}, is tagged '{tag.name}'. Go "
        f"back with 'docent index restore {tag.name}'; once you do not need it, 'docent index untag {tag.name}' "
        "frees the disk of what only it keeps."
    )


def print_tags(tags: Sequence[IndexTag]) -> None:
    """Prints a table of the tags, the oldest first."""
    table = Table("tag", "version", "passages", "written", box=None)
    for tag in tags:
        table.add_row(tag.name, str(tag.version), f"{tag.n_chunks:,}", output.format_age(tag.made_at))
    Console(highlight=False).print(table if tags else NO_TAGS)


def describe_restored(name: str, done: TagRestoration) -> Iterator[str]:
    """Yields lines about what was brought back, and what the next sync will do about it."""
    if not (done.n_brought_back or done.n_taken_out):
        yield f"The index has the texts of '{name}' already; nothing was changed."
    else:
        yield (
            f"Back to '{name}': {count(done.n_brought_back, 'document')} with the earlier text, "
            f"{done.n_taken_out:,} that came later taken out."
        )
    if done.n_gone:
        are = "1 document is" if done.n_gone == 1 else f"{done.n_gone:,} documents are"
        yield (
            f"{are} under the tag and deleted since: they stay deleted. A sync reads in what a source still lists."
        )
    if done.sources:
        names = ", ".join(f"'{name}'" for name in sorted(done.sources))
        yield (
            f"The next sync of {names} reads these documents again, as they are in the source by then. Mend the "
            'source first, or set every = "never" for it until it is.'
        )
