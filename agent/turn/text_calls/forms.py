"""The forms in which models write a tool call as text, where their server does not read it as one.

Reads what is written, whether it can be run or not; :mod:`.written` decides what becomes of it.
"""

import re
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from agent.turn.text_calls import values
from agent.turn.text_calls.values import WrittenCall
from agent.types import JsonValue

# What begins a call wherever it stands outside code: marks of chat templates, which nobody writes to a person.
MARKERS = (
    "<tool_call", "<|tool_call", "<function_call", "<function=", "<invoke", "<tools>", "[tool_calls]",
    "[tool_call]", "<|python_tag|>", "<|plugin|>", "<|channel|>commentary", "<tool_code>", "<|start_action|>",
    "<functioncall", "<｜tool▁call", "[tool_request]", "<｜dsml｜", "‹｜dsml｜", "<|dsml|",
    "<toolcall", "<tool_use", "<minimax:tool_call", "<seed:tool_call", "<|python_start|>", "<|action_start|>",
)  # fmt: skip
LONGEST_MARKER = max(map(len, MARKERS))
MARKER = re.compile("|".join(map(re.escape, MARKERS)), re.IGNORECASE)
_TAGGED_NAME = re.compile(
    r"<function=\"?(?P<function>[\w.-]{1,64})\"?>|[<‹](?:[｜|]DSML[｜|])?invoke\s+name=\"(?P<invoke>[\w.-]{1,64})\"[^>]{0,80}>"
    r"|to=(?:functions\.)?(?P<channel>[\w.-]{1,64})[^{}]{0,120}?<\|message\|>"
    r"|\[tool_calls?\]\s*(?P<mistral>[A-Za-z_][\w.-]{0,63})\s*(?:\[CALL_ID\]\w{0,40}\s*)?(?:\[ARGS\])?(?=\s*\{)"
    r"|<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<deepseek>[\w.-]{1,64})(?:<｜tool▁sep｜>)?"
    r"|<\|tool_call_begin\|>\s*(?P<kimi>[\w.-]{1,64})(?::\d{1,4})?\s*<\|tool_call_argument_begin\|>"
    r"|<tool_call>\s*(?P<glm>[A-Za-z_][\w.-]{0,63})(?=\s*(?:<arg_key>|</tool_call>|\{))",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"<parameter=(?P<a>[\w.-]{1,64})>(?P<value>.*?)(?:</parameter>|\Z)"
    r"|[<‹](?:[｜|]DSML[｜|])?parameter\s+name=\"(?P<b>[\w.-]{1,64})\"[^>]{0,80}>(?P<named>.*?)"
    r"(?:[<‹]/(?:[｜|]DSML[｜|])?parameter>|\Z)"
    r"|<arg_key>\s*(?P<c>[^<]{1,64}?)\s*</arg_key>\s*<arg_value>(?P<other>.*?)(?:</arg_value>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_REACT = re.compile(
    r"^[ \t]*Action:[ \t]*`?([\w.-]{1,64})`?[ \t]*\n[ \t]*Action Input:[ \t]*", re.MULTILINE | re.IGNORECASE
)
_FENCE = re.compile(
    r"(?P<ticks>`{3,}|~~~)[ \t]*(?P<language>[\w+-]*)[ \t]*\n?(?P<code>.*?)(?:\n?[ \t]{0,20}(?P=ticks)|\Z)",
    re.DOTALL,
)
_OPENING = re.compile(r"(?:<[\w:|-]{1,40}>\s*|[`*(])+\Z")  # before a call
_FENCE_LINE = re.compile(r"^[ \t]{0,3}(?:```|~~~)", re.MULTILINE)
# Lines of a block of code before its call: comments, and the name of a language or a tool.
_LABELS = re.compile(r"(?:[ \t]*(?:(?://|#|--|<!--)[^\n]*|[A-Za-z_][\w.]{0,63}[ \t]*:?[ \t]*)?\n)*[ \t]*")
_BEGINS_LABEL = re.compile(r"(?:/|-|<!?-?|(?://|#|--|<!--)[^\n]*|[A-Za-z_][\w.]{0,63}[ \t]*:?[ \t]*)\Z")
_BEGINS_PYTHON = re.compile(r"(?:[A-Za-z_]\w{0,63}[ \t]*=?[ \t]*)?(?:await[ \t]+)?(?:print\()?[\w.]{0,99}\(?\Z")
# Parts of an object before those of its call.
_PRELUDE = "role|content|thoughts?|thinking|reasoning|reason|rationale|explanation|plan|message|comment"
_PRELUDES = re.compile(rf"""\A(?:["'](?:{_PRELUDE})["']:(?:null|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'),)+""")
_BEGINS_PRELUDE = re.compile(rf"""["'](?:{_PRELUDE})["']:?(?:null|n|nu|nul|["'].*)?\Z""", re.DOTALL)
LANGUAGES = ("tool_call", "tool_code", "tool_calls", "function_call")  # of a block of code
HEAD_CHARS = 400  # of a text that say whether it may be a call
MAX_CHARS = 40_000  # a longer text is no call
_MAX_ATTEMPTS = 50  # to read what begins like a call: each may read the whole text


class Form(StrEnum):
    """How plainly a text says that it is a call."""

    MARKED = "marked"  # by a chat template's mark
    FENCED = "fenced"  # in a block of code
    BARE = "bare"


@dataclass(frozen=True)
class Written:
    """Calls in a text, what stands ``before`` and ``after`` them; no ``calls`` where they could not be read."""

    form: Form
    calls: tuple[WrittenCall, ...]
    before: str
    after: str


def find(text: str, names: Collection[str]) -> Written | None:
    """Returns the calls that a text is or ends in, whichever form they have; ``names`` are the tools there are.

    >>> find('{"name": "search_docs", "arguments": {"query": "leave"}}', {"search_docs"}).calls
    (WrittenCall(name='search_docs', arguments={'query': 'leave'}),)
    """
    if len(text) > MAX_CHARS:
        return None
    if (marker := _find_marker(text)) is not None:
        return Written(Form.MARKED, tuple(_read_marked(text[marker:], names)), text[:marker], "")
    if react := _REACT.search(text):
        value, _ = values.decode(text, react.end())
        call = WrittenCall(react[1], value if value is not None else text[react.end() :].strip())
        return Written(Form.MARKED, (call,), text[: react.start()], "")
    fences = [
        match for match in _FENCE.finditer(text) if _is_call_in_code(match["code"], match["language"], names)
    ]
    if fences:
        calls = tuple(call for match in fences for call in _read_block(match["code"], names))
        return Written(Form.FENCED, calls, text[: fences[0].start()], text[fences[-1].end() :])
    return _find_bare(text, names) or _find_python(text, names)


def begins_call(text: str, names: Container[str]) -> bool | None:
    """Returns whether JSON at the start of the text may be a call; None where more of it is needed to tell."""
    rest = re.sub(r"\s+", "", text[:HEAD_CHARS])
    if rest[:1] not in ("{", "["):
        return False if rest else None
    inner = rest.lstrip("[{")
    if not inner or "{" not in rest[: len(rest) - len(inner)]:
        return None if not inner else _begins_python(rest, names)
    inner = _PRELUDES.sub("", inner, count=1)
    if not inner or _BEGINS_PRELUDE.match(inner):
        return None if len(text) < HEAD_CHARS else True
    if not inner.startswith(('"', "'")):
        return False
    key, quote, after = inner[1:].partition(inner[0])
    if not quote:
        return None if len(key) < 64 else False
    if key not in values.KEYS and key not in names:
        return False
    if key == "type" and after:
        return (
            None if len(after) < 12 and ':"function"'.startswith(after[:11]) else after.startswith(':"function"')
        )
    return True


def _begins_python(rest: str, names: Container[str]) -> bool | None:
    """Does so for ``[search_docs(query="leave")]``."""
    name, parenthesis, _ = rest.lstrip("[").partition("(")
    if not re.fullmatch(r"[A-Za-z_]\w{0,63}", name):
        return False
    return name in names if parenthesis else None


def begins_call_in_code(code: str, names: Collection[str]) -> bool | None:
    """Returns whether a block of code, or a line of one, may be a call; None where more is needed to tell."""
    head = code[: 2 * HEAD_CHARS]
    labels = _LABELS.match(head)
    rest = head[labels.end() if labels else 0 :]
    if MARKER.match(rest) or make_python(names).match(rest):
        return True
    start = rest[:LONGEST_MARKER].lower()
    if _BEGINS_LABEL.match(rest) or _BEGINS_PYTHON.match(rest) or any(mark.startswith(start) for mark in MARKERS):
        return None if len(head) < 2 * HEAD_CHARS else False
    return begins_call(rest, names) if rest[0] in "{[" else False


@cache
def _compile_python(names: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(map(re.escape, names)) or r"(?!)"
    return re.compile(
        rf"(?:^[ \t]*(?:[\[(`*]{{1,3}}\s*)?|\[\s*)(?:[A-Za-z_]\w{{0,63}}[ \t]*=[ \t]*)?(?:await[ \t]+)?"
        rf"(?:print\()?(?:[A-Za-z_]\w{{0,63}}\.)?(?:{alternatives})(?:\.call)?\(",
        re.MULTILINE,
    )


def make_python(names: Collection[str]) -> re.Pattern[str]:
    """Returns the pattern of what begins a call in Python: at the start of a line, or of a list."""
    return _compile_python(tuple(names))


def _find_marker(text: str) -> int | None:
    """Returns where the first mark of a call stands that is not in code."""
    for match in MARKER.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if (
            line.count("`") % 2 == 0
            and len(re.findall(r"^\s{0,3}```", text[: match.start()], re.MULTILINE)) % 2 == 0
        ):
            return match.start()
    return None


def _read_marked(text: str, names: Container[str]) -> Iterator[WrittenCall]:
    named = list(_TAGGED_NAME.finditer(text))
    if not named:
        marker = MARKER.match(text)
        yield from _read_code(text[marker.end() if marker else 0 :], names)
        return
    for match, following in zip(named, [*named[1:], None], strict=True):
        body = text[match.end() : following.start() if following else len(text)]
        name = next(group for group in match.groups() if group)
        parameters = {
            str(match["a"] or match["b"] or match["c"]): values.read_literal(
                match["value"] or match["named"] or match["other"] or ""
            )
            for match in _PARAMETER.finditer(body)
        }
        value, _ = values.decode(body, 0)
        given = value if value is not None else _no_arguments(body)
        yield WrittenCall(values.clean_name(name), parameters or given)


def _no_arguments(body: str) -> JsonValue:
    return {} if values.CLOSING.match(body) else body.strip()


def _read_code(code: str, names: Container[str]) -> Iterator[WrittenCall]:
    """Reads all calls in a piece of JSON, or of Python."""
    position, is_read = 0, False
    while start := values.JSON_START.search(code, position):
        value, end = values.decode(code, start.start())
        if value is None:
            break
        calls = list(values.read_value(value, names))
        yield from calls
        is_read = is_read or bool(calls)
        position = end
    if not is_read:
        yield from values.read_python(code, names)


def _read_block(code: str, names: Container[str]) -> Iterator[WrittenCall]:
    """Reads all calls in a block of code, with marks or without."""
    marker = MARKER.search(code)
    yield from _read_marked(code[marker.start() :], names) if marker else _read_code(code, names)


def _find_bare(text: str, names: Collection[str]) -> Written | None:
    n_attempts = 0
    for start in values.JSON_START.finditer(text):
        position = start.start()
        line = text[text.rfind("\n", 0, position) + 1 : position]
        if begins_call(text[position : position + HEAD_CHARS], names) is not True or (
            line.count("`") % 2 and line.strip("` ")
        ):
            continue
        n_attempts += 1
        if n_attempts > _MAX_ATTEMPTS:
            return None
        calls, end = _read_sequence(text, position, names)
        if calls or not values.decode(text, position)[1]:
            after = text[end:] if calls else ""
            if calls or _says_call(text[position:], names):
                return _make_bare(calls, text[:position], after)
    return None


def _make_bare(calls: Sequence[WrittenCall], before: str, after: str) -> Written:
    """Makes a call without marks; what only surrounds it is no text: brackets, a fence."""
    fences = list(_FENCE_LINE.finditer(before))
    before = before[: fences[-1].start()] if len(fences) % 2 else _OPENING.sub("", before)
    return Written(Form.BARE, tuple(calls), before, "" if values.CLOSING.match(after) else after)


def _find_python(text: str, names: Collection[str]) -> Written | None:
    """Finds ``search_docs(query="leave")`` at the start of a line, or in a list, with nothing else in its line."""
    for n, start in enumerate(make_python(names).finditer(text)):
        if n >= _MAX_ATTEMPTS:
            return None
        position, opening = start.start(), start.end() - 1
        end = values.find_python_end(text, opening)
        if not end:
            return _make_bare((), text[:position], "")
        while gap := re.compile(r"[\s,;)\]]*(?:\w+\.)?\w+\(").match(text, end):
            following = values.find_python_end(text, gap.end() - 1)
            if not following:
                break
            end = following
        calls = list(values.read_python(text[position:end], names))
        after = text[end:]
        if values.CLOSING.match(after) or not after.partition("\n")[0].strip("`*)],; \t"):
            return _make_bare(calls, text[:position], after)
    return None


def _read_sequence(text: str, position: int, names: Container[str]) -> tuple[list[WrittenCall], int]:
    """Reads calls that stand one after the other; returns them and where they end."""
    calls: list[WrittenCall] = []
    end = position
    while True:
        value, after = values.decode(text, position)
        read = list(values.read_value(value, names)) if value is not None else []
        if not read:
            return calls, end
        calls += read
        end = after
        gap = re.compile(r"[\s,;]*(?=[\[{])").match(text, end)
        if not gap:
            return calls, end
        position = gap.end()


def _says_call(text: str, names: Container[str]) -> bool:
    """Returns whether JSON that cannot be read was meant as a call: it names a tool, or has a call's keys."""
    names_tool = any(match in names for match in re.findall(r"[\"']([\w.-]{1,64})[\"']", text[:HEAD_CHARS]))
    has_keys = re.search(rf"[\"'](?:{'|'.join(values.ARGUMENT_KEYS)})[\"']\s*:", text)
    return names_tool or bool(has_keys)


def _is_call_in_code(code: str, language: str, names: Collection[str]) -> bool:
    if language.lower() in LANGUAGES:
        return True
    if begins_call_in_code(code, names) is not True:
        return False
    return any(True for _ in _read_block(code, names)) or _says_call(code, names)
