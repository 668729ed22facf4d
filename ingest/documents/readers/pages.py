"""Names the pages and slides of a document that hold no text, for the operator."""

from collections.abc import Sequence

from ingest.documents.blocks import Gap

MAX_RANGES = 30  # named; the others are counted


def explain_pictures(numbers: Sequence[int], *, what: str) -> Gap | None:
    """Returns the gap of slides that hold pictures only; None without one."""
    if not numbers:
        return None
    cause = f"{name_pages(numbers, what=what)} {'holds' if len(numbers) == 1 else 'hold'} no text, only pictures"
    return Gap(cause, f"write what they show into the notes of the {what}; all other {what}s are searchable")


def name_pages(numbers: Sequence[int], *, what: str = "page") -> str:
    """Returns pages, or slides, as a person names them.

    >>> name_pages([3, 4, 5, 8, 10])
    'pages 3–5, 8 and 10'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    names = [str(part[0]) if len(part) == 1 else f"{part[0]}–{part[-1]}" for part in ranges]
    if len(names) > MAX_RANGES:
        names = [*names[:MAX_RANGES], f"{sum(map(len, ranges[MAX_RANGES:]))} more"]
    *first, last = names
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"{what if len(numbers) == 1 else f'{what}s'} {listed}"
