"""The form behind 👎: what was wrong with an answer. Knows Slack's view JSON; stores nothing."""

from typing import Any
from uuid import UUID

CALLBACK = "docent_feedback_form"
COMMENT_CHARS = 1_500
KINDS = {
    "wrong": "It is wrong",
    "incomplete": "Something is missing",
    "outdated": "It is out of date",
    "sources": "The sources do not fit",
}
NOTHING_SAID = "Choose one, or write a sentence below."


def build_view(turn_id: UUID) -> dict[str, Any]:
    """The modal for ``views.open``."""
    options = [{"text": _plain(label), "value": value} for value, label in KINDS.items()]
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": str(turn_id),
        "title": _plain("What was wrong?"),
        "submit": _plain("Send"),
        "close": _plain("Skip"),
        "blocks": [
            {
                "type": "input",
                "block_id": "kind",
                "optional": True,
                "label": _plain("What is the matter?"),
                "element": {"type": "radio_buttons", "action_id": "kind", "options": options},
            },
            {
                "type": "input",
                "block_id": "comment",
                "optional": True,
                "label": _plain("What should the answer have said?"),
                "element": {
                    "type": "plain_text_input",
                    "action_id": "comment",
                    "multiline": True,
                    "max_length": COMMENT_CHARS,
                },
            },
        ],
    }


def parse_comment(submitted: dict[str, Any]) -> tuple[UUID, str]:
    """(turn, comment) of a submitted form; the comment is empty when nothing was said. Raises ValueError."""
    values = submitted["state"]["values"]
    chosen = (values.get("kind", {}).get("kind") or {}).get("selected_option") or {}
    written = ((values.get("comment", {}).get("comment") or {}).get("value") or "").strip()
    parts = [KINDS.get(chosen.get("value", ""), ""), written[:COMMENT_CHARS]]
    return UUID(submitted["private_metadata"]), ": ".join(part for part in parts if part)


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}
