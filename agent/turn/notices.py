"""The sentences below an answer about how it came about. Loads nothing, so every process may know them."""

from collections.abc import Mapping

from agent.translation.speech import mark
from agent.types import EndReason

BY_REASON: Mapping[EndReason, str] = {
    EndReason.STEPS: mark("I stopped after the allowed number of steps, so this answer may be incomplete."),
    EndReason.CALLS: mark("I stopped after the allowed number of look-ups, so this answer may be incomplete."),
    EndReason.REPEATS: mark("I stopped because I was going in circles, so this answer may be incomplete."),
    EndReason.TOKENS: mark("I stopped at the token limit, so this answer may be incomplete."),
    EndReason.COST: mark("I stopped at the cost limit for one answer, so this answer may be incomplete."),
    EndReason.TIME: mark("I ran out of time, so this answer may be incomplete."),
    EndReason.NO_ANSWER: mark("The language model did not give a usable answer, so this one may be incomplete."),
    EndReason.PROVIDER_DOWN: mark(
        "The language model cannot be reached now, so this is quoted directly from the documents."
    ),
    EndReason.NOT_SEARCHED: mark(
        "Nothing above is taken from the documents: they could not be searched just now. Please ask again in a "
        "moment."
    ),
    EndReason.UNCITED: mark("Nothing above is taken from the documents."),
    EndReason.WEAK_EVIDENCE: mark(
        "I am not sure of this: what I found in the documents fits the question only loosely."
    ),
}
CUT_OFF: Mapping[str | None, str] = {  # by the provider's finish reason
    "length": mark("This answer was cut off at its allowed length."),
    "content_filter": mark("The language model's provider held a part of this answer back."),
}
MODEL_AWAY = mark("The language model cannot be reached now. Later it may answer this.")
BUDGET = mark("A budget for the language model has no room")
BUDGET_INCOMPLETE = mark("This answer may be incomplete.")
BUDGET_QUOTED = mark("Until then I quote the documents directly.")
QUOTED = mark("It is quoted directly from the documents.")
NO_MODEL = mark("No language model is configured, so this is quoted directly from the documents.")
NO_ANSWER_AT_ALL = mark("I could not put an answer together this time. Please ask again.")
# What may be said to everybody who reads an answer, and not to its asker alone.
FOR_ALL = (*CUT_OFF.values(), *BY_REASON.values(), BUDGET_INCOMPLETE, QUOTED, NO_MODEL)
