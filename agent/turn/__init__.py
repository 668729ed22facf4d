"""One turn: the bounded loop over a question, its model calls, its tool calls, its limits, and the grounding
check."""
