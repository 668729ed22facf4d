"""The text of what is nested too deeply to be walked by recursion: its lines, without lists, tables and links."""

import re

from selectolax.lexbor import LexborNode

from ingest.documents.readers.html.unseen import is_hidden

_SPACES = re.compile(r"\s+")
_INLINE = frozenset(
    (*("a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "small"),
     *("span", "strike", "strong", "sub", "sup", "tt", "u", "wbr"))
)  # fmt: skip


def read_deep_text(root: LexborNode) -> str:
    """Returns the visible text of a node, a line for each run of text that no block interrupts."""
    parts: list[str] = []
    pending = [root.child]  # of each element that is open, the next child
    while pending:
        node = pending.pop()
        if node is None:
            continue
        pending.append(node.next)
        if node.is_text_node:
            parts.append(_SPACES.sub(" ", node.text(deep=False) or ""))
        elif node.is_element_node and not is_hidden(node):
            parts.append("" if node.tag in _INLINE else "\n")
            pending.append(node.child)
    return "".join(parts)
