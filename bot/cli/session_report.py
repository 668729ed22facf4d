"""A session's story for a person at a terminal: what was done in which order, what the model saw, what it cost,
and in red and yellow where it went wrong. Prints only; :mod:`bot.record.session_query` reads.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from bot.jobs.terminal_reply import bare
from bot.record import call_summary

REASONS = {
    "answered": "answered",
    "no_evidence": "the documents do not say",
    "weak_evidence": "answered, from passages that fit only loosely",
    "uncited": "answered, but nothing is cited",
    "small_talk": "no documents were needed",
    "greeting": "nothing was asked",
    "steps": "stopped at the limit of steps",
    "calls": "stopped at the limit of tool calls",
    "repeats": "stopped because it was going in circles",
    "tokens": "stopped at the limit of tokens",
    "cost": "stopped at what one answer may cost",
    "budget": "stopped because a budget is used up",
    "time": "stopped because time ran out",
    "no_answer": "the model gave no proper answer",
    "provider_down": "no model could be reached",
    "stopped": "stopped by a person",
    "too_long": "the question was too long",
    "interrupted": "interrupted too often",
    "undeliverable": "the answer could not be delivered",
    "error": "an unexpected error",
}
FINE = {"answered", "no_evidence", "small_talk", "greeting", None}
ENDED = {"completed", "failed", "cancelled"}
SHORT = 8  # characters of a hash
VALUE_CHARS = 200  # of one argument, error or parameter
INDENT = " " * 11
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # a document may try to steer the terminal


def tell(console: Console, story: dict[str, Any], *, is_full: bool) -> None:
    """The session, turn by turn; ``is_full`` adds every message the model saw and what it said."""
    console.print(f"[bold]{_safe(story['key'])}[/]  {story['status']}  {story['id']}")
    for turn in story["turns"]:
        _turn(console, turn, is_full=is_full)


def _turn(console: Console, turn: dict[str, Any], *, is_full: bool) -> None:
    console.rule(f"turn {turn['seq']}  {_state(turn)}  {turn['id']}")
    console.print(_asked(turn))
    console.print(f"[bold]{_safe(turn['question'])}[/]\n")
    before: list[Any] = []
    for step in _steps(turn):
        for line in _tool_lines(turn, step) if "name" in step else _model_lines(turn, step):
            console.print(line)
        if is_full and "purpose" in step:
            before = _conversation(console, step, before)
    if turn["answer"]:
        console.print(f"\n{_safe(bare(turn['answer']))}\n")
    for line in (*_source_lines(turn), *_feedback_lines(turn), _totals(turn)):
        console.print(line)


def _state(turn: dict[str, Any]) -> str:
    reason = turn["reason"]
    words = f"{turn['status']}: {REASONS.get(reason, reason)}" if reason else turn["status"]
    tone = "red" if turn["status"] == "failed" else "green" if reason in FINE else "yellow"
    error = f"  [red]error {_safe(turn['error_id'])}[/]" if turn["error_id"] else ""
    return f"[{tone}]{_safe(words)}[/]{error}"


def _asked(turn: dict[str, Any]) -> str:
    place = f" in {turn['channel']}" if turn["channel"] else ""
    where = f"{turn['user_id']}{place} ({turn['origin']})"
    when = turn["created_at"][:19].replace("T", " ")
    times = [
        _between("queued", turn["created_at"], turn["started_at"]),
        _between("worked", turn["started_at"], turn["finished_at"]),
    ]
    return f"[dim]{_safe(where)}, {when} UTC{''.join(times)}[/]"


def _between(name: str, start: str | None, end: str | None) -> str:
    return f", {name} {_took(_ms(start, end))}" if start and end else ""


def _steps(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """Model and tool calls in the order they were made, by the database's clock."""
    steps = [*turn["tool_calls"], *turn["model_calls"]]
    return sorted(steps, key=lambda step: (_parsed(_at(step)), step["id"]))


def _at(step: dict[str, Any]) -> str:
    return str(step.get("started_at") or step["created_at"])


def _head(turn: dict[str, Any], step: dict[str, Any], what: str) -> str:
    start = turn["started_at"] or turn["created_at"]
    return f"[dim]{max(_ms(start, _at(step)), 0) / 1000:+9.2f}s[/] {what}"


def _tool_lines(turn: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    arguments = call["arguments"]
    named = arguments.items() if isinstance(arguments, dict) else [("…", arguments)]
    given = ", ".join(f"{name}={_quoted(value)}" for name, value in named)
    opening = " [dim](opening call)[/]" if call["position"] < 0 else ""
    took = f"  [dim]{_took(call['duration_ms'])}[/]" if call["duration_ms"] is not None else ""
    took += f" [dim]{_dollars(call['cost_usd'])}[/]" if call["cost_usd"] else ""
    yield _head(turn, call, f"[cyan]{_safe(call['name'])}[/]({_safe(given)}){opening}{took}")
    yield from (f"{INDENT}→ {line}" for line in _came_back(turn, call))


def _came_back(turn: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    result = call["result"]
    if result is None:
        yield _unended(turn, call)
        return
    if call["is_error"] or not isinstance(result, dict):
        said = result.get("error", result) if isinstance(result, dict) else result
        tone = "yellow" if isinstance(result, dict) and "is_refused" in result else "red"
        yield f"[{tone}]{_safe(_value(said))}[/]"
        return
    data = [key for key in result if key != "passages"]
    passages = result.get("passages")
    if passages is None or data:
        yield _safe("data: " + (", ".join(data) or "none"))
    if passages is not None:
        yield _n(len(passages), "passage") if passages else "[yellow]no passages[/]"
        for passage in passages:
            score = passage.get("score")
            where = " › ".join(str(passage[key]) for key in ("title", "heading") if passage.get(key))
            shown = f"  {score:.2f}" if isinstance(score, float | int) else ""
            yield f"  \\[{passage.get('n', '?')}] {_safe(where)}{shown}"


def _model_lines(turn: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    attempt = f"  [yellow]attempt {call['attempt']}[/]" if call["attempt"] > 1 else ""
    took = f"  [dim]{_took(call['latency_ms'])}[/]" if call["latency_ms"] is not None else ""
    yield _head(turn, call, f"[magenta]{_safe(call['model'])}[/] {_safe(call['purpose'])}{took}{attempt}")
    yield INDENT + _saw(turn, call)
    if call["params"]:
        sent = ", ".join(f"{name}={_value(value)}" for name, value in call["params"].items())
        yield f"{INDENT}sent {_safe(sent)}"
    yield f"{INDENT}→ {', '.join(_came_of(turn, call))}"


def _saw(turn: dict[str, Any], call: dict[str, Any]) -> str:
    seen = call_summary.of(call)
    if seen is None:
        return "[yellow]what it saw is not there any more[/]"
    version = f"instructions {turn['prompt_version'] or '?'} ({(turn['prompt_hash'] or '?')[:SHORT]})"
    numbers: dict[str, str] = {}
    for n, title in seen.passages:
        numbers[title] = f"{numbers.get(title, '')}[{n}]"
    titles = "; ".join(f"{marks} {title}" for title, marks in numbers.items())
    parts = [
        _n(seen.n_messages, "message"),
        _safe(version),
        _n(seen.n_earlier, "earlier turn"),
        _n(len(seen.passages), "passage") + (f" ({_safe(titles)})" if titles else ""),
        f"{_n(len(seen.tools), 'tool')} offered" + (f" ({_safe(', '.join(seen.tools))})" if seen.tools else ""),
        f"~{seen.n_tokens:,} tokens",
    ]
    return "saw " + ", ".join(parts)


def _came_of(turn: dict[str, Any], call: dict[str, Any]) -> Iterator[str]:
    if call["status"] == "started":
        yield f"{_unended(turn, call)}, ${call['reserved_usd']:.4f} held"
        return
    if call["prompt_tokens"] is not None:
        cached = f" ({call['cached_tokens']:,} cached)" if call["cached_tokens"] else ""
        yield f"{call['prompt_tokens']:,}{cached} + {call['completion_tokens'] or 0:,} tokens"
    yield "cost unknown" if call["cost_usd"] is None else _dollars(call["cost_usd"])
    if call["first_token_ms"] is not None:
        yield f"first token after {_took(call['first_token_ms'])}"
    if call["n_tries"] and call["n_tries"] > 1:
        yield f"[yellow]{call['n_tries']} tries[/]"
    if call["status"] == "failed":
        yield f"[red]failed: {_safe(_value(call['error']))}[/]"
    else:
        tone = "yellow" if call["finish_reason"] in ("length", "content_filter") else "default"
        yield f"[{tone}]{_safe(call['finish_reason'] or 'completed')}[/]"


def _unended(turn: dict[str, Any], call: dict[str, Any]) -> str:
    is_over = turn["status"] in ENDED or call.get("attempt", turn["attempt"]) < turn["attempt"]
    return "[red]begun, and never heard of again[/]" if is_over else "[yellow]under way[/]"


def _conversation(console: Console, call: dict[str, Any], before: list[Any]) -> list[Any]:
    """What the model saw and said; messages that the call before began with too are counted, not repeated."""
    request, response = call["request"] or {}, call["response"] or {}
    messages: list[Any] = list(request.get("messages") or ())
    n_same = 0
    while n_same < min(len(before), len(messages)) and before[n_same] == messages[n_same]:
        n_same += 1
    if n_same:
        console.print(f"{INDENT}[dim]saw the {_n(n_same, 'message')} that the call before begins with, and:[/]")
    for message in messages[n_same:]:
        _message(console, "saw", message)
    for choice in response.get("choices") or ():
        _message(console, "said", choice.get("message") or {})
    return messages


def _message(console: Console, verb: str, message: Any) -> None:
    if not isinstance(message, dict):
        console.print(f"{INDENT}[yellow]{verb} {_safe(str(message))}, which is not there any more[/]")
        return
    console.print(f"{INDENT}[bold]{verb} {_safe(str(message.get('role', '')))}[/]")
    if content := message.get("content"):
        console.print(_safe(content if isinstance(content, str) else _json(content)))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        console.print(_safe(f"{function.get('name')}({function.get('arguments')})"))


def _source_lines(turn: dict[str, Any]) -> Iterator[str]:
    for source in turn["sources"]:
        mark = "[green]*[/]" if source["is_cited"] else " "
        title = " › ".join(part for part in (source["title"], source["heading_path"]) if part)
        yield f" {mark}\\[{source['n']}] {_safe(title)}  {source['score']:.2f}  {_safe(source['url'])}"
    if any(source["is_cited"] for source in turn["sources"]):
        yield "[dim] * cited[/]"


def _feedback_lines(turn: dict[str, Any]) -> Iterator[str]:
    for given in turn["feedback"]:
        thumb = "[green]👍[/]" if given["rating"] > 0 else "[red]👎[/]"
        comment = f": {_safe(given['comment'])}" if given["comment"] else ""
        yield f"{thumb} {_safe(given['user_id'])}{comment}"


def _totals(turn: dict[str, Any]) -> str:
    cached = f" ({turn['cached_tokens']:,} cached)" if turn["cached_tokens"] else ""
    version = f"{turn['prompt_version'] or '?'} ({(turn['prompt_hash'] or '?')[:SHORT]})"
    parts = [
        _n(turn["n_steps"], "step"),
        f"{turn['prompt_tokens']:,}{cached} + {turn['completion_tokens']:,} tokens",
        _dollars(turn["cost_usd"]),
        f"model {turn['model']}",
        f"release {turn['release']}",
        f"instructions {version}",
        f"settings {(turn['settings_hash'] or '?')[:SHORT]}",
        f"embedding {turn['embedding_model']}",
        f"index {turn['index_version']}",
    ]
    tone = "yellow" if turn["attempt"] > 1 else "dim"
    return f"[{tone}]attempt {turn['attempt']}[/][dim], {_safe(', '.join(parts))}[/]"


def _quoted(value: Any) -> str:
    return f'"{_value(value)}"' if isinstance(value, str) else _value(value)


def _value(value: Any) -> str:
    shown = value if isinstance(value, str) and not value.startswith(("{", "[")) else _json(value)
    shown = " ".join(shown.split())
    return shown if len(shown) <= VALUE_CHARS else shown[: VALUE_CHARS - 1] + "…"


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _n(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd >= 0.01 or not usd else f"${usd:.6f}"


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.0f} min"


def _ms(start: str, end: str) -> float:
    return (_parsed(end) - _parsed(start)).total_seconds() * 1000


def _parsed(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _safe(text: Any) -> str:
    return escape(_CONTROL.sub("�", str(text)))
