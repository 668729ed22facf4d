"""An answer's Markdown read by a parser and written as plain text or as Slack's mrkdwn.

Promises that only real Markdown markers go: ``snake_case``, ``2 * 3``, ``C#`` and addresses keep every character.
Mentions and tags are escaped, so that nothing in the result notifies anybody.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

_SCHEME = re.compile(r"\bhttps?\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^\s<>\[\]\"'`|\\^{}]+")
_PATH = re.compile(r"(?:[A-Za-z]:\\|\\\\\w)\S*")
_OPERATOR = re.compile(r"(?<=\w)\*(?=\w)|(?<=/)\*{1,2}(?![\w*])|(?<![\w*/])\*{1,2}(?=/)|(?<![\w*])\*(?=\.\w)")
_DUNDER = re.compile(
    r"(?<!\w)__(?:init|main|name|file|doc|all|dict|class|call|str|repr|new|enter|exit|version|path|slots)__(?!\w)"
    r"|(?<!\w)__\w+__(?=\.\w|\()|(?<=[./])__\w+__(?!\w)"
)
_INDENT = "    "


@dataclass(frozen=True)
class _Style:
    """What is written around each kind of text; ``link`` takes an address and an escaped label."""

    bold: str
    italic: str
    strike: str
    code: str
    fence: str
    bullet: str
    quote: str
    rule: str
    link: Callable[[str, str], str]


def _write_link(url: str, label: str) -> str:
    is_opened = url.startswith(("http://", "https://", "mailto:"))
    return f"<{url}|{(label or url).replace('|', '¦')}>" if is_opened else label


_PLAIN = _Style("", "", "", "", "", "-", "", "", lambda url, label: label)
_MRKDWN = _Style("*", "_", "~", "`", "```", "•", "> ", "───", _write_link)


def to_plain_text(text: str) -> str:
    """Returns the text as it is read aloud: without markers and addresses of links, tables cell by cell.

    >>> to_plain_text("## C# has **no** `snake_case`, see [the page](https://a.example/b_c)")
    'C# has no snake_case, see the page'
    """
    return "\n\n".join(_write_blocks(_parse(text), _PLAIN))


def to_mrkdwn(text: str) -> list[str]:
    """Returns the blocks of the text in Slack's markup, one by one; a table becomes a code block.

    >>> to_mrkdwn("**5 days** of [leave](https://a.example)")
    ['*5 days* of <https://a.example|leave>']
    """
    return _write_blocks(_parse(text), _MRKDWN)


def escape(text: str) -> str:
    """Escapes the three characters that Slack's markup is made of."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def list_tables(text: str) -> list[tuple[int, int]]:
    """Returns the first line of each table of the text, from 0, and the line after its last one."""
    tokens = _parser().parse(text)
    return [(t.map[0], t.map[1]) for t in tokens if t.type == "table_open" and t.map]


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
    for name, rule in (("address", _skip_address), ("path", _skip_path), ("operator", _skip_operator)):
        parser.inline.ruler.before("escape", name, rule)
    return parser


def _skip_address(state: StateInline, silent: bool) -> bool:
    """Takes an address as it is, at its colon: without this, the underscores of ``/_a_/`` would be emphasis."""
    if state.src[state.pos] != ":" or not _SCHEME.search(state.src, max(0, state.pos - 6), state.pos):
        return False
    address = _ADDRESS.match(state.src, state.pos, state.posMax)
    if address is None:
        return False
    return _take(state, address[0].rstrip("*_~"), silent)  # these close what was opened before the address


def _skip_path(state: StateInline, silent: bool) -> bool:
    """Takes a path of Windows as it is, at its colon or first backslash: without this, ``\\_`` would lose one."""
    start = state.pos - 1 if state.src[state.pos] == ":" else state.pos
    path = _PATH.match(state.src, start, state.posMax) if start >= 0 else None
    if path is None or (start and not state.src[start - 1].isspace() and state.src[start - 1] not in "(\"'"):
        return False
    return _take(state, path[0][state.pos - start :].rstrip("*_~`)\"'.,;"), silent)


def _skip_operator(state: StateInline, silent: bool) -> bool:
    """Takes a star between words (``5*3*2``), in a glob (``src/**``), and the underscores of ``__init__``."""
    rule = {"*": _OPERATOR, "_": _DUNDER}.get(state.src[state.pos])
    found = rule.match(state.src, state.pos, state.posMax) if rule else None
    return found is not None and _take(state, found[0], silent)


def _take(state: StateInline, text: str, silent: bool) -> bool:
    if not silent:
        state.pending += text
    state.pos += len(text)
    return bool(text)


def _parse(text: str) -> SyntaxTreeNode:
    return SyntaxTreeNode(_parser().parse(text))


def _write_blocks(node: SyntaxTreeNode, style: _Style) -> list[str]:
    texts = [_write_block(child, style) for child in node.children]
    return [text for text in texts if text]


def _write_block(node: SyntaxTreeNode, style: _Style) -> str:
    match node.type:
        case "heading":
            text = _write_inline(node, replace(style, bold=""))
            return f"{style.bold}{text}{style.bold}" if text else ""
        case "fence" | "code_block":
            return _write_code(node.content.rstrip("\n"), style)
        case "bullet_list" | "ordered_list":
            return _write_list(node, style)
        case "blockquote":
            lines = "\n\n".join(_write_blocks(node, style)).split("\n")
            return "\n".join(f"{style.quote}{line}" for line in lines)
        case "table":
            return _write_table(node, style)
        case "hr":
            return style.rule
        case _:
            return _write_inline(node, style)


def _write_code(code: str, style: _Style) -> str:
    if not style.fence:
        return escape(code)
    return f"{style.fence}\n{escape(_defuse(code, style))}\n{style.fence}"


def _defuse(code: str, style: _Style) -> str:
    """Parts the marks of a fence inside the code: they would end its block."""
    return code.replace(style.fence, "`\u2060``") if style.fence else code


def _write_list(node: SyntaxTreeNode, style: _Style) -> str:
    start = int(node.attrs.get("start", 1))
    lines = []
    for position, item in enumerate(node.children):
        mark = f"{start + position}{item.markup or '.'}" if node.type == "ordered_list" else style.bullet
        text = "\n".join(_write_blocks(item, style))
        lines.append(f"{mark} " + text.replace("\n", f"\n{_INDENT}"))
    return "\n".join(lines)


def _write_table(node: SyntaxTreeNode, style: _Style) -> str:
    rows = [
        [_defuse(" ".join(_write_inline(cell, _PLAIN).split()), style) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    if not style.fence:
        return "\n".join(" | ".join(row) for row in rows)
    widths = [max(len(_unescape(row[n])) for row in rows if n < len(row)) for n in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    lines = [
        "  ".join(cell + " " * (width - len(_unescape(cell))) for cell, width in zip(row, widths, strict=False))
        for row in rows
    ]
    return "\n".join([style.fence, *(line.rstrip() for line in lines), style.fence])


def _write_inline(node: SyntaxTreeNode, style: _Style) -> str:
    return "".join(_write_span(child, style) for child in node.children)


def _write_span(node: SyntaxTreeNode, style: _Style) -> str:
    match node.type:
        case "text":
            return escape(node.content)
        case "code_inline":
            return f"{style.code}{escape(node.content)}{style.code}"
        case "softbreak" | "hardbreak":
            return "\n"
        case "image":
            return style.link(_escape_address(node, "src"), _write_inline(node, style) or "image")
        case "link":
            address, label = _escape_address(node, "href"), _write_inline(node, replace(style, link=_PLAIN.link))
            return style.link(address, label)
        case "strong" | "em" | "s":
            mark = {"strong": style.bold, "em": style.italic, "s": style.strike}[node.type]
            inner = _write_inline(node, style)
            return f"{mark}{inner}{mark}" if inner.strip() else inner
        case _:
            return _write_inline(node, style)


def _escape_address(node: SyntaxTreeNode, name: str) -> str:
    return escape(str(node.attrs.get(name, ""))).replace("|", "%7C")


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
