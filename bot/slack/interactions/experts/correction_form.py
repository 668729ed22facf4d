"""The form in which an expert writes the right answer: prefilled with the one that was given.

Owns its JSON, in both directions. Slack lets one field hold 3,000 characters: a longer answer has several.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agent import secrets
from agent.translation.speech import mark, say
from bot.slack.block_kit import InputBlock, SectionBlock, TextInput, View, plain_text
from bot.slack.client import Payload
from bot.slack.reading.foreign_json import JsonMap, to_object, to_string
from bot.slack.replies.text import splitting

CALLBACK = "docent_correction_form"
QUESTION, ANSWER = "question", "answer"
IDS = ("turn_id", "answer_id")
QUESTION_CHARS = 500
FIELD_CHARS = 3_000  # Slack's limit
MAX_FIELDS = 3  # an answer of Slack's 12,000 characters needs room for what stands below it
EMPTY = mark("Please write the answer.")
NO_QUESTION = mark("Please write the question.")
NOT_KEPT = mark("I cannot keep this: what it belongs to was deleted or withdrawn meanwhile.")
EXPLANATION = mark(
    "What you write takes the place of the answer in its thread, with your name. Whoever asks this next gets it "
    "first, if they may read the thread and its sources. When a source changes, I ask you again."
)
_LINKED_NUMBER = re.compile(r"\[\[(\d{1,3})\]\]\([^()\s]{0,2000}\)")


@dataclass(frozen=True)
class Correction:
    """What was written: of which turn, or which verified answer."""

    turn_id: UUID | None
    answer_id: UUID | None
    question: str
    answer: str


def build(
    *,
    question: str,
    answer: str,
    turn_id: UUID | None = None,
    answer_id: UUID | None = None,
) -> View:
    """Builds the form for ``views.open``."""
    kept = {"turn_id": str(turn_id or ""), "answer_id": str(answer_id or "")}
    parts = splitting.split_text(prepare(answer), FIELD_CHARS)[:MAX_FIELDS]
    explanation: SectionBlock = {"type": "section", "text": plain_text(say(EXPLANATION))}
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": json.dumps(kept),
        "title": plain_text(say("Correct this answer")),
        "submit": plain_text(say("Save")),
        "close": plain_text(say("Cancel")),
        "blocks": [
            explanation,
            _build_input(QUESTION, say("The question"), question[:QUESTION_CHARS], QUESTION_CHARS, is_long=False),
            *_build_answer(parts),
        ],
    }


def parse(view: Payload) -> Correction | None:
    """Reads a submitted form, whose fields may be empty; returns None for one that is not ours.

    What looks like a secret is taken out: the answer is shown to others.
    """
    try:
        kept = to_object(json.loads(to_string(view.get("private_metadata"))))
        turn_id, answer_id = (UUID(id_) if (id_ := to_string(kept.get(name))) else None for name in IDS)
    except ValueError:
        return None
    if not (turn_id or answer_id):
        return None
    values = to_object(to_object(view.get("state")).get("values"))
    parts = [_read(values, f"{ANSWER}_{n}") for n in range(MAX_FIELDS)]
    return Correction(
        turn_id,
        answer_id,
        secrets.redact(" ".join(_read(values, QUESTION).split()))[:QUESTION_CHARS],
        secrets.redact("\n\n".join(filter(None, parts))),
    )


def prepare(answer: str) -> str:
    """Returns a recorded answer as people edit it: its citations as plain numbers.

    >>> prepare("5 days [[1]](https://a.example/leave), see [the form](https://b.example).")
    '5 days [1], see [the form](https://b.example).'
    """
    return _LINKED_NUMBER.sub(r"[\1]", answer)


def find_errors(correction: Correction) -> dict[str, str]:
    """Returns what is missing, by the field that says it."""
    errors = {} if correction.question else {QUESTION: say(NO_QUESTION)}
    return errors if correction.answer else {**errors, f"{ANSWER}_0": say(EMPTY)}


def _build_answer(parts: Sequence[str]) -> list[InputBlock]:
    label = mark("The answer, part {n}") if len(parts) > 1 else mark("The answer")
    return [
        _build_input(f"{ANSWER}_{n}", say(label, n=n + 1), part, FIELD_CHARS, is_optional=n > 0)
        for n, part in enumerate(parts)
    ]


def _build_input(
    name: str, label: str, text: str, max_length: int, *, is_long: bool = True, is_optional: bool = False
) -> InputBlock:
    element: TextInput = {
        "type": "plain_text_input",
        "action_id": name,
        "multiline": is_long,
        "max_length": max_length,
    }
    if text:
        element["initial_value"] = text
    return {
        "type": "input",
        "block_id": name,
        "optional": is_optional,
        "label": plain_text(label),
        "element": element,
    }


def _read(values: JsonMap, name: str) -> str:
    return to_string(to_object(to_object(values.get(name)).get(name)).get("value")).strip()
