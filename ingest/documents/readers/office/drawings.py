"""Charts and diagrams of Office files to blocks: a chart becomes a table of its values, a diagram a list."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ingest.documents.blocks import Block, BlockKind

MAX_POINTS = 500  # of a series; more are better read from its sheet


def blocks(part: Element) -> Iterator[Block]:
    """Yields the blocks of a part of DrawingML, nothing unless it is a ``chartSpace`` or a ``dataModel``."""
    name = str(part.tag).rpartition("}")[2]
    if name == "chartSpace":
        yield from _chart(part)
    elif name == "dataModel":
        for point in part.iterfind("{*}ptLst/{*}pt"):
            text = " ".join("".join(t.text or "" for t in point.iterfind(".//{*}t")).split())
            if text and point.get("type", "node") == "node":
                yield Block(BlockKind.ITEM, f"- {text}")


def _chart(part: Element) -> Iterator[Block]:
    title = part.find("{*}chart/{*}title")
    if title is not None and (text := "".join(run.text or "" for run in title.iterfind(".//{*}t")).strip()):
        yield Block(BlockKind.PARAGRAPH, text)
    series = [
        (
            " ".join(_values(element, "tx").values()),
            _values(element, "cat", "xVal"),
            _values(element, "val", "yVal"),
        )
        for element in part.iterfind(".//{*}ser")
    ]
    if not series:
        return
    names = {at: text for _, categories, _ in series for at, text in categories.items()}
    positions = sorted(set().union(*(values for _, _, values in series)))[:MAX_POINTS]
    header = ["", *(name for name, _, _ in series)]
    rows = [[names.get(at, str(at + 1)), *(values.get(at, "") for _, _, values in series)] for at in positions]
    yield Block(BlockKind.TABLE, lines=tuple(map(_line, [header, *rows])), has_header=True)


def _values(series: Element, *names: str) -> dict[int, str]:
    """Returns the cached values of a series' name, categories or values by position."""
    values: dict[int, str] = {}
    for name in names:
        for at, point in enumerate(series.iterfind(f"{{*}}{name}//{{*}}pt")):
            index = point.get("idx", "")
            values[int(index) if index.isdecimal() and len(index) < 7 else at] = point.findtext("{*}v") or ""
    return values


def _line(row: list[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', '/') for cell in row)} |"
