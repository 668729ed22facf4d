"""The sentences below an answer about how it came about. Loads nothing, so every process may know them."""

from collections.abc import Mapping

from agent.types import EndReason

INCOMPLETE = "so this answer may be incomplete."
BY_REASON: Mapping[EndReason, str] = {
    EndReason.STEPS: f"I stopped after the allowed number of steps, {INCOMPLETE}",
    EndReason.CALLS: f"I stopped after the allowed number of look-ups, {INCOMPLETE}",
    EndReason.REPEATS: f"I stopped because I was going in circles, {INCOMPLETE}",
    EndReason.TOKENS: f"I stopped at the token limit, {INCOMPLETE}",
    EndReason.COST: f"I stopped at the cost limit for one answer, {INCOMPLETE}",
    EndReason.TIME: f"I ran out of time, {INCOMPLETE}",
    EndReason.NO_ANSWER: "The language model did not give a usable answer, so this one may be incomplete.",
    EndReason.PROVIDER_DOWN: (
        "The language model cannot be reached now, so this is quoted directly from the documents."
    ),
    EndReason.UNCITED: "Nothing above is taken from the documents.",
    EndReason.WEAK_EVIDENCE: (
        "I am not sure of this: what I found in the documents fits the question only loosely."
    ),
}
CUT_OFF: Mapping[str | None, str] = {  # by the provider's finish reason
    "length": "This answer was cut off at its allowed length.",
    "content_filter": "The language model's provider held a part of this answer back.",
}
MODEL_AWAY = "The language model cannot be reached now. Later it may answer this."
BUDGET = "A budget for the language model has no room"
BUDGET_INCOMPLETE = "This answer may be incomplete."
BUDGET_QUOTED = "Until then I quote the documents directly."
QUOTED = "It is quoted directly from the documents."
NO_MODEL = "No language model is configured, so this is quoted directly from the documents."
NO_ANSWER_AT_ALL = "I could not put an answer together this time. Please ask again."
# What may be said to everybody who reads an answer, and not to its asker alone.
FOR_ALL = (*CUT_OFF.values(), *BY_REASON.values(), BUDGET_INCOMPLETE, QUOTED, NO_MODEL)
