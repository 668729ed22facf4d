"""``docent search --why``: the passages of a search with their ranks, and what brought each where it is."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot import output
from ingest.search.ranking import BM25_WEIGHT, RankedCandidate
from ingest.search.search import SearchResult

SNIPPET_CHARS = 110
INNER = {"search_text", "seen"}  # the text in other forms


def explain(found: SearchResult, *, as_json: bool) -> None:
    """For people a table, and under it what the numbers are; for programs all of it."""
    if as_json:
        output.print_json(_as_json(found))
        return
    console = Console(soft_wrap=True, highlight=False)
    if not found.ranked:
        console.print("Nothing found.")
        return
    for word, guess in found.corrections.items():
        console.print(
            f"'{escape(word)}' stands nowhere" + (f"; looked for '{escape(guess)}' too." if guess else ".")
        )
    for n, one in enumerate(found.ranked, 1):
        chunk = one.candidate
        heading = f" › {chunk.heading_path}" if chunk.heading_path else ""
        console.print(f"[bold]{n}. {escape(chunk.title)}[/]{escape(heading)}  [dim]{one.score:.2f}[/]")
        console.print(f"   {escape(_reasons(one))}")
        console.print(f"   [dim]{escape(' '.join(chunk.text.split())[:SNIPPET_CHARS])}…[/]")
        changed = f", changed {chunk.updated_at:%Y-%m-%d}" if chunk.updated_at else ""
        console.print(f"   [blue]{escape(chunk.url)}[/] [dim]{escape(chunk.source)}{changed}[/]")
    if found.not_found:
        console.print(f"In hardly any document: {escape(', '.join(found.not_found))}.")
    console.print(_legend())


def _reasons(one: RankedCandidate) -> str:
    chunk = one.candidate
    words = f"words {one.by_words}. ({chunk.bm25:.1f})" if one.by_words else "words –"
    parts = [
        words,
        f"meaning {one.by_meaning}. ({chunk.cosine:.2f})",
        f"near words +{one.alike:.2f}",
        f"document +{one.document:.2f}",
        f"recency +{one.recency:.3f}",
        f"total {one.total:.2f}",
    ]
    if one.reranked is not None:
        parts.append(f"reranked {one.reranked:.2f}")
    if one.folded:
        parts.append(f"{len(one.folded)} that say the same folded")
    return " · ".join(parts)


def _legend() -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row("[dim]words[/]", "[dim]rank by full text (BM25), –: not among the best by words[/]")
    table.add_row("[dim]meaning[/]", "[dim]rank by the cosine of the embeddings[/]")
    table.add_row(
        "[dim]near words[/]", "[dim]how near the question's words are to its words, its best sentence, title[/]"
    )
    table.add_row("[dim]document[/]", "[dim]how well the rest of its document fits[/]")
    table.add_row(
        "[dim]total[/]", f"[dim]cosine + {BM25_WEIGHT} × BM25 + near words + document + recency; the order[/]"
    )
    return table


def _as_json(found: SearchResult) -> dict[str, Any]:
    return {
        "passages": [
            asdict(one) | {"candidate": {k: v for k, v in asdict(one.candidate).items() if k not in INNER}}
            for one in found.ranked
        ],
        "not_found": list(found.not_found),
        "keywords": {title: list(words) for title, words in found.keywords.items()},
        "slips": dict(found.corrections),
    }
