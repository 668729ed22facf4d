"""Prints ``docent search --why``: each passage with its ranks, and what each number means."""

from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot import output
from ingest.search.ranking import RankedCandidate
from ingest.search.search import SearchResult

SNIPPET_CHARS = 110
OMITTED = {"search_text", "seen"}  # the passage's text in other forms
LEGEND = {
    "words": "rank in full-text search (BM25); –: not among its best passages",
    "meaning": "rank by the cosine of the embeddings",
    "closeness": "how far that cosine lies above those of other passages, times its weight",
    "near_words, near_title": "how near the words of the passage and of its title are to the question's, weighted",
    "total": "the sum of these with BM25, recency and a constant: passages are in this order",
    "score": "what the sum is as a probability that the passage answers",
}


def explain(result: SearchResult, *, as_json: bool) -> None:
    """Prints the passages of a search with their ranks, best first, and a legend; or everything as JSON."""
    if as_json:
        output.print_json(_to_json(result))
        return
    console = Console(soft_wrap=True, highlight=False)
    if not result.ranked:
        console.print("Nothing found.")
        return
    for word, correction in result.corrections.items():
        also = f"; searched for '{escape(correction)}' too" if correction else ""
        console.print(f"No document contains '{escape(word)}'{also}.")
    for n, ranked in enumerate(result.ranked, 1):
        for line in _describe(n, ranked):
            console.print(line)
    if result.not_found:
        console.print(f"Hardly any document contains: {escape(', '.join(result.not_found))}.")
    console.print(_make_legend())


def _describe(n: int, ranked: RankedCandidate) -> Iterator[str]:
    chunk = ranked.candidate
    heading = f" › {chunk.heading_path}" if chunk.heading_path else ""
    yield f"[bold]{n}. {escape(chunk.title)}[/]{escape(heading)}  [dim]{ranked.score:.2f}[/]"
    yield f"   {escape(_describe_ranks(ranked))}"
    yield f"   [dim]{escape(' '.join(chunk.text.split())[:SNIPPET_CHARS])}…[/]"
    changed = f", changed {chunk.updated_at:%Y-%m-%d}" if chunk.updated_at else ""
    yield f"   [blue]{escape(chunk.url)}[/] [dim]{escape(chunk.source)}{changed}[/]"


def _describe_ranks(ranked: RankedCandidate) -> str:
    chunk = ranked.candidate
    parts = [
        f"words {ranked.by_words}. ({chunk.bm25:.1f})" if ranked.by_words else "words –",
        f"meaning {ranked.by_meaning}. ({chunk.cosine:.2f})",
        *(f"{name} {part:+.2f}" for name, part in ranked.parts.items()),
        f"recency +{ranked.recency:.3f}",
        f"total {ranked.total:.2f}",
    ]
    if ranked.reranked is not None:
        parts.append(f"reranked {ranked.reranked:.2f}")
    if ranked.folded:
        parts.append(f"{len(ranked.folded)} near duplicates left out")
    return " · ".join(parts)


def _make_legend() -> Table:
    table = Table.grid(padding=(0, 1))
    for name, meaning in LEGEND.items():
        table.add_row(f"[dim]{name}[/]", f"[dim]{meaning}[/]")
    return table


def _to_json(result: SearchResult) -> dict[str, object]:
    return {
        "passages": [_ranked_to_json(ranked) for ranked in result.ranked],
        "not_found": list(result.not_found),
        "keywords": {title: list(words) for title, words in result.keywords.items()},
        "slips": dict(result.corrections),
    }


def _ranked_to_json(ranked: RankedCandidate) -> dict[str, object]:
    candidate = {name: value for name, value in asdict(ranked.candidate).items() if name not in OMITTED}
    return asdict(ranked) | {"candidate": candidate}
