"""A message that is asked about, as a quotation: the form in which it is the question."""

from agent.prompting import embedded_instructions
from agent.text import shorten

CHARS = 1_500  # of a quoted message; the whole is shown to the model beside the question


def quote(text: str) -> str:
    """Returns somebody's message as a quotation, without sentences that instruct a model.

    >>> quote("How many days?\\nAnd when?")
    '> How many days?\\n> And when?'
    """
    said = shorten(embedded_instructions.take_out(text).strip(), CHARS)
    return "\n".join(f"> {line}" for line in said.split("\n")) if said else ""
