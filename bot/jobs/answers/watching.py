"""What metrics and traces see of an answer while the agent works on it."""

from collections.abc import Iterator

from agent.observability import measures, tracing
from agent.store.sessions import Turn
from agent.turn.events import Event, Finished, TextDelta

AGENT = "Docent"


def watch(turn: Turn, events: Iterator[Event]) -> Iterator[Event]:
    """Yields the events; counts the first text, and opens a span that ends when the answer was delivered."""
    attributes: tracing.Attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": AGENT,
        "gen_ai.conversation.id": str(turn.session_id),
        "docent.turn_id": str(turn.id),
        "docent.attempt": turn.attempt,
    }
    has_text = False
    with tracing.span(f"invoke_agent {AGENT}", attributes=attributes) as span:
        for event in events:
            if isinstance(event, TextDelta | Finished) and not has_text:
                has_text = True
                measures.note_first_text(turn.asked_at)
            if isinstance(event, Finished):
                span.note({"docent.reason": event.reason, "docent.n_sources": len(event.sources)})
            yield event
