"""Prints a session for a person: each step in order, what the model saw, what it cost; failures in red and yellow.

Prints only; :mod:`bot.record.session_query` reads.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeGuard, cast

from rich.console import Console
from rich.markup import escape

from agent.text import shorten
from bot.jobs.terminal_reply import strip_links
from bot.record import call_summary
from bot.record.records import ModelCallRecord, SessionRecord, ToolCallRecord, TurnRecord

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
    "budget": "stopped because a budget had no room",
    "time": "stopped because time ran out",
    "no_answer": "the model gave no proper answer",
    "provider_down": "no model could be reached",
    "not_searched": "the documents could not be searched",
    "stopped": "stopped by a person",
    "withdrawn": "taken back by the person",
    "too_long": "the question was too long",
    "interrupted": "interrupted too often",
    "restored": "open when the record was backed up, and not asked again",
    "channel_archived": "not posted: the channel was archived",
    "bot_removed": "not posted: the bot is not in the channel",
    "thread_gone": "not posted: the thread was deleted or locked",
    "posting_forbidden": "not posted: the app may not post there",
    "token_refused": "not posted: Slack refused the token",
    "uninstalled": "the workspace removed the app",
    "slack_away": "not posted: Slack was away",
    "undeliverable": "the answer could not be delivered",
    "error": "an unexpected error",
}
FINE = {"answered", "no_evidence", "small_talk", "greeting", None}
ENDED = {"completed", "failed", "cancelled"}
SHORT = 8  # characters of a hash
VALUE_CHARS = 200  # of one argument, error or parameter
INDENT = " " * 11
Step = ModelCallRecord | ToolCallRecord
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)  # a document may contain control sequences for the terminal


def print_session(console: Console, session: SessionRecord, *, is_full: bool) -> None:
    """Prints a session turn by turn; ``is_full`` adds every message that the model saw and wrote."""
    console.print(f"[bold]{_safe(session['key'])}[/]  {session['status']}  {session['id']}")
    for turn in session["turns"]:
        _print_turn(console, turn, is_full=is_full)


def _print_turn(console: Console, turn: TurnRecord, *, is_full: bool) -> None:
    console.rule(f"turn {turn['seq']}  {_state(turn)}  {turn['id']}")
    console.print(_asked(turn))
    console.print(f"[bold]{_safe(turn['question'])}[/]\n")
    previous: list[Any] = []
    for step in _steps(turn):
        lines = _model_lines(turn, step) if _is_model_call(step) else _tool_lines(turn, cast(ToolCallRecord, step))
        for line in lines:
            console.print(line)
        if is_full and _is_model_call(step):
            previous = _print_messages(console, step, previous)
    if turn["answer"]:
        console.print(f"\n{_safe(strip_links(turn['answer']))}\n")
    for line in (*_delivery_lines(turn), *_source_lines(turn), *_feedback_lines(turn), _totals(turn)):
        console.print(line)


def _state(turn: TurnRecord) -> str:
    reason = turn["reason"]
    words = f"{turn['status']}: {REASONS.get(reason, reason)}" if reason else turn["status"]
    tone = "red" if turn["status"] == "failed" else "green" if reason in FINE else "yellow"
    error = f"  [red]error {_safe(turn['error_id'])}[/]" if turn["error_id"] else ""
    return f"[{tone}]{_safe(words)}[/]{error}"


def _asked(turn: TurnRecord) -> str:
    place = f" in {turn['channel']}" if turn["channel"] else ""
    where = f"{turn['user_id']}{place} ({turn['origin']})"
    when = turn["created_at"][:19].replace("T", " ")
    times = [
        _between("queued", turn["created_at"], turn["started_at"]),
        _between("worked", turn["started_at"], turn["finished_at"]),
    ]
    return f"[dim]{_safe(where)}, {when} UTC{''.join(times)}[/]"


def _between(name: str, start: str | None, end: str | None) -> str:
    return f", {name} {_format_ms(_ms(start, end))}" if start and end else ""


def _is_model_call(step: Step) -> TypeGuard[ModelCallRecord]:
    return "purpose" in step


def _steps(turn: TurnRecord) -> list[Step]:
    """Returns model and tool calls in the order they were made, by the database's clock."""
    steps: list[Step] = [*turn["tool_calls"], *turn["model_calls"]]
    return sorted(steps, key=lambda step: (_parse_time(_started_at(step)), step["id"]))


def _started_at(step: Step) -> str:
    return str(step.get("started_at") or step.get("created_at"))


def _head(turn: TurnRecord, step: Step, what: str) -> str:
    start = turn["started_at"] or turn["created_at"]
    return f"[dim]{max(_ms(start, _started_at(step)), 0) / 1000:+9.2f}s[/] {what}"


def _tool_lines(turn: TurnRecord, call: ToolCallRecord) -> Iterator[str]:
    arguments = call["arguments"]
    pairs = arguments.items() if isinstance(arguments, dict) else [("…", arguments)]
    listed = ", ".join(f"{name}={_quote(value)}" for name, value in pairs)
    opening = " [dim](opening call)[/]" if call["position"] < 0 else ""
    duration = f"  [dim]{_format_ms(call['duration_ms'])}[/]" if call["duration_ms"] is not None else ""
    duration += f" [dim]{_dollars(call['cost_usd'])}[/]" if call["cost_usd"] else ""
    yield _head(turn, call, f"[cyan]{_safe(call['name'])}[/]({_safe(listed)}){opening}{duration}")
    yield from (f"{INDENT}→ {line}" for line in _result_lines(turn, call))


def _result_lines(turn: TurnRecord, call: ToolCallRecord) -> Iterator[str]:
    result = call["result"]
    if result is None:
        yield _describe_unfinished(turn, call)
        return
    if call["is_error"] or not isinstance(result, dict):
        error = result.get("error", result) if isinstance(result, dict) else result
        tone = "yellow" if isinstance(result, dict) and "is_refused" in result else "red"
        yield f"[{tone}]{_safe(_value(error))}[/]"
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
            rounded = f"  {score:.2f}" if isinstance(score, float | int) else ""
            yield f"  \\[{passage.get('n', '?')}] {_safe(where)}{rounded}"


def _model_lines(turn: TurnRecord, call: ModelCallRecord) -> Iterator[str]:
    attempt = f"  [yellow]attempt {call['attempt']}[/]" if call["attempt"] > 1 else ""
    duration = f"  [dim]{_format_ms(call['latency_ms'])}[/]" if call["latency_ms"] is not None else ""
    yield _head(turn, call, f"[magenta]{_safe(call['model'])}[/] {_safe(call['purpose'])}{duration}{attempt}")
    yield INDENT + _describe_request(turn, call)
    if call["params"]:
        sent = ", ".join(f"{name}={_value(value)}" for name, value in call["params"].items())
        yield f"{INDENT}sent {_safe(sent)}"
    yield f"{INDENT}→ {', '.join(_outcome_parts(turn, call))}"


def _describe_request(turn: TurnRecord, call: ModelCallRecord) -> str:
    summary = call_summary.summarize(call)
    if summary is None:
        return "[yellow]what it saw is no longer stored[/]"
    version = f"instructions {turn['prompt_version'] or '?'} ({(turn['prompt_hash'] or '?')[:SHORT]})"
    numbers: dict[str, str] = {}
    for n, title in summary.passages:
        numbers[title] = f"{numbers.get(title, '')}[{n}]"
    titles = "; ".join(f"{marks} {title}" for title, marks in numbers.items())
    parts = [
        _n(summary.n_messages, "message"),
        _safe(version),
        _n(summary.n_earlier, "earlier turn"),
        _n(len(summary.passages), "passage") + (f" ({_safe(titles)})" if titles else ""),
        f"{_n(len(summary.tools), 'tool')} offered"
        + (f" ({_safe(', '.join(summary.tools))})" if summary.tools else ""),
        f"~{summary.n_tokens:,} tokens",
    ]
    return "saw " + ", ".join(parts)


def _outcome_parts(turn: TurnRecord, call: ModelCallRecord) -> Iterator[str]:
    if call["status"] == "started":
        yield f"{_describe_unfinished(turn, call)}, ${call['reserved_usd']:.4f} held"
        return
    estimated = " [yellow](estimated)[/]" if call["is_estimated"] else ""
    if call["prompt_tokens"] is not None:
        cached = f" ({call['cached_tokens']:,} cached)" if call["cached_tokens"] else ""
        yield f"{call['prompt_tokens']:,}{cached} + {call['completion_tokens'] or 0:,} tokens{estimated}"
    yield "cost unknown" if call["cost_usd"] is None else _dollars(call["cost_usd"]) + estimated
    if call["first_token_ms"] is not None:
        yield f"first token after {_format_ms(call['first_token_ms'])}"
    if call["n_tries"] and call["n_tries"] > 1:
        yield f"[yellow]{call['n_tries']} tries[/]"
    if call["status"] == "failed":
        yield f"[red]failed: {_safe(_value(call['error']))}[/]"
    else:
        tone = "yellow" if call["finish_reason"] in ("length", "content_filter") else "default"
        yield f"[{tone}]{_safe(call['finish_reason'] or 'completed')}[/]"


def _describe_unfinished(turn: TurnRecord, call: Step) -> str:
    attempt = call["attempt"] if _is_model_call(call) else turn["attempt"]
    is_over = turn["status"] in ENDED or attempt < turn["attempt"]
    return "[red]started, never finished[/]" if is_over else "[yellow]still running[/]"


def _print_messages(console: Console, call: ModelCallRecord, previous: list[Any]) -> list[Any]:
    """Prints what the model saw and wrote; messages that the previous call began with are only counted."""
    request, response = call["request"] or {}, call["response"] or {}
    messages: list[Any] = list(request.get("messages") or ())
    n_same = 0
    while n_same < min(len(previous), len(messages)) and previous[n_same] == messages[n_same]:
        n_same += 1
    if n_same:
        console.print(f"{INDENT}[dim]saw the first {_n(n_same, 'message')} of the previous call, and:[/]")
    for message in messages[n_same:]:
        _print_message(console, "saw", message)
    for choice in response.get("choices") or ():
        _print_message(console, "wrote", choice.get("message") or {})
    return messages


def _print_message(console: Console, verb: str, message: Any) -> None:
    if not isinstance(message, dict):
        console.print(f"{INDENT}[yellow]{verb} {_safe(str(message))}, which is no longer stored[/]")
        return
    console.print(f"{INDENT}[bold]{verb} {_safe(str(message.get('role', '')))}[/]")
    if reasoning := message.get("reasoning_content"):
        console.print(f"[dim](thinking) {_safe(str(reasoning))}[/]")
    if content := message.get("content"):
        console.print(_safe(content if isinstance(content, str) else _json(content)))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        console.print(_safe(f"{function.get('name')}({function.get('arguments')})"))


def _source_lines(turn: TurnRecord) -> Iterator[str]:
    for source in turn["sources"]:
        mark = "[green]*[/]" if source["is_cited"] else " "
        title = " › ".join(part for part in (source["title"], source["heading_path"]) if part)
        yield f" {mark}\\[{source['n']}] {_safe(title)}  {source['score']:.2f}  {_safe(source['url'])}"
    if any(source["is_cited"] for source in turn["sources"]):
        yield "[dim] * cited[/]"


def _delivery_lines(turn: TurnRecord) -> Iterator[str]:
    if turn["notice"]:
        yield f"[dim]below it: {_safe(turn['notice'])}[/]"
    if turn["delivery_error"]:
        yield f"[red]not delivered where it was asked for: {_safe(turn['delivery_error'])}[/]"


def _feedback_lines(turn: TurnRecord) -> Iterator[str]:
    for feedback in turn["feedback"]:
        thumb = "[green]👍[/]" if feedback["rating"] > 0 else "[red]👎[/]"
        comment = f": {_safe(feedback['comment'])}" if feedback["comment"] else ""
        yield f"{thumb} {_safe(feedback['user_id'])}{comment}"


def _totals(turn: TurnRecord) -> str:
    cached = f" ({turn['cached_tokens']:,} cached)" if turn["cached_tokens"] else ""
    version = f"{turn['prompt_version'] or '?'} ({(turn['prompt_hash'] or '?')[:SHORT]})"
    parts = [
        _n(turn["n_steps"], "step"),
        f"{turn['prompt_tokens']:,}{cached} + {turn['completion_tokens']:,} tokens",
        _dollars(turn["cost_usd"])
        + (" (estimated)" if any(call["is_estimated"] for call in turn["model_calls"]) else ""),
        f"model {turn['model']}",
        f"release {turn['release']}",
        f"instructions {version}",
        f"settings {(turn['settings_hash'] or '?')[:SHORT]}",
        f"embedding {turn['embedding_model']}",
        f"index {turn['index_version']}",
    ]
    tone = "yellow" if turn["attempt"] > 1 else "dim"
    return f"[{tone}]attempt {turn['attempt']}[/][dim], {_safe(', '.join(parts))}[/]"


def _quote(value: Any) -> str:
    return f'"{_value(value)}"' if isinstance(value, str) else _value(value)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) and not value.startswith(("{", "[")) else _json(value)
    text = " ".join(text.split())
    return shorten(text, VALUE_CHARS)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _n(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def _dollars(usd: float) -> str:
    return f"${usd:.4f}" if usd >= 0.01 or not usd else f"${usd:.6f}"


def _format_ms(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.0f} min"


def _ms(start: str, end: str) -> float:
    return (_parse_time(end) - _parse_time(start)).total_seconds() * 1000


def _parse_time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _safe(text: Any) -> str:
    return escape(_CONTROL.sub("�", str(text)))
