"""How an answer came about, for its asker and for operators: steps, passages, scores, tokens, cost, model.

Promises to show no passage that the reader may not read now, nor what tools were called with where there is such
a passage, because a call may name it; and nothing live or secret in any text.
"""

from collections.abc import Collection, Mapping, Sequence

from agent.text import shorten
from agent.translation.speech import mark, say, say_plural
from agent.types import CitedPassage
from bot.slack.block_kit import Block, ContextBlock, LayoutMessage, SectionBlock, mrkdwn
from bot.slack.interactions.recorded_answer import RecordedAnswer, RecordedStep
from bot.slack.replies.closing.sources import group_by_page, link
from bot.slack.replies.output_filter import clean_arguments, clean_label
from bot.slack.replies.text.markdown import escape

TITLE = mark("*How this answer came about*")
ONLY_ASKER = mark("Only the person who asked, and operators, may see how an answer came about.")
GONE = mark("The record of this answer was deleted, so there is nothing to show.")
LEFT_OUT = mark("_{n} of the passages are left out: you may not read them._")
UNKNOWN = mark("_I could not look up in Slack what you may read, so the passages are left out. Please try again._")
SECTION_CHARS = 2_900  # Slack: 3,000
SNIPPET_CHARS, ARGUMENT_CHARS = 90, 120
MAX_STEPS, MAX_PASSAGES = 12, 8


def build(
    recorded: RecordedAnswer,
    steps: Sequence[RecordedStep],
    texts: Mapping[int, str],
    *,
    unreadable: Collection[str] | None,
) -> LayoutMessage:
    """Builds the message. ``texts`` are those of passages by number; ``unreadable`` are the documents that the
    reader may not read, None where that is not known."""
    readable = [p for p in recorded.passages if unreadable is not None and p.passage.document_id not in unreadable]
    readable.sort(key=lambda passage: (passage.n not in recorded.cited, -passage.passage.score, passage.n))
    lines = [_format_passage(passage, texts.get(passage.n, ""), recorded) for passage in readable[:MAX_PASSAGES]]
    if len(readable) > MAX_PASSAGES:
        lines.append(say("… and {n} more", n=len(readable) - MAX_PASSAGES))
    if unreadable is None:
        lines.append(say(UNKNOWN))
    elif n_hidden := len(recorded.passages) - len(readable):
        lines.append(say(LEFT_OUT, n=n_hidden))
    has_hidden = len(readable) < len(recorded.passages)
    parts: list[Block] = [
        _section([say(TITLE)]),
        _section([say("*Steps*"), *_format_steps(steps, has_hidden=has_hidden)]),
        *(
            [_section([say("*Passages*, with how well each fits the question (1 is best)"), *lines])]
            if lines
            else []
        ),
        _context(_format_totals(recorded)),
    ]
    return {"blocks": parts, "text": say(TITLE).strip("*")}


def _format_steps(steps: Sequence[RecordedStep], *, has_hidden: bool) -> list[str]:
    lines = [f"{n}. {_format_step(step, has_hidden=has_hidden)}" for n, step in enumerate(steps[:MAX_STEPS], 1)]
    n_more = len(steps) - MAX_STEPS
    return [*lines, say("… and {n} more", n=n_more)] if n_more > 0 else lines


def _format_step(step: RecordedStep, *, has_hidden: bool) -> str:
    seconds = f"{step.duration_ms / 1000:.1f} s" if step.duration_ms is not None else ""
    cost = f"${step.cost_usd:.4f}" if step.cost_usd else ""
    failed = say("failed") if step.is_error else ""
    if step.arguments is None:
        tokens = say("{n} tokens", n=step.n_tokens) if step.n_tokens else ""
        return _join(say("asked `{model}`", model=escape(clean_label(step.name))), tokens, cost, seconds, failed)
    shown = {} if has_hidden else step.arguments
    values = ", ".join(str(value) for value in shown.values() if value)
    wanted = f"“{escape(shorten(clean_arguments(values), ARGUMENT_CHARS))}”" if values else ""
    found = (step.result or {}).get("passages")
    n_found = say_plural("{n} passage", "{n} passages", len(found)) if isinstance(found, list) else ""
    return _join(f"`{escape(clean_label(step.name))}` {wanted}".strip(), n_found, cost, seconds, failed)


def _format_passage(passage: CitedPassage, text: str, recorded: RecordedAnswer) -> str:
    (entry,) = group_by_page([passage])
    section = clean_label(passage.passage.heading_path) if passage.passage.heading_path else ""
    place = "" if section and section in entry.title else escape(section)
    cited = say("cited") if passage.n in recorded.cited else ""
    snippet = escape(shorten(clean_label(text), SNIPPET_CHARS))
    head = _join(f"[{passage.n}] {link(entry)}", place, f"{passage.passage.score:.2f}", cited)
    return f"{head}\n> {snippet}" if snippet else head


def _format_totals(recorded: RecordedAnswer) -> str:
    taken = ""
    if recorded.started_at and recorded.finished_at:
        taken = f"{(recorded.finished_at - recorded.started_at).total_seconds():.1f} s"
    return _join(
        say("Model `{model}`", model=escape(recorded.model or "unknown")),
        say_plural("{n} model call", "{n} model calls", recorded.n_steps),
        say("{n} tokens", n=recorded.n_tokens),
        f"${recorded.cost_usd:.4f}",
        taken,
        say("ended as `{reason}`", reason=recorded.reason),
        say("for operators: `docent sessions show {id}`", id=recorded.turn_id),
    )


def _join(*parts: str) -> str:
    return "  ·  ".join(filter(None, parts))


def _section(lines: Sequence[str]) -> SectionBlock:
    text = ""
    for line in lines:
        if len(text) + len(line) > SECTION_CHARS:
            text += "\n…"
            break
        text += f"\n{line}" if text else line
    return {"type": "section", "text": mrkdwn(text)}


def _context(text: str) -> ContextBlock:
    return {"type": "context", "elements": [mrkdwn(text)]}
