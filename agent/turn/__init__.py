"""One turn: the bounded loop over a question, its model calls, tool calls, limits, record and grounding check.

Start at :mod:`agent.turn.loop`; the other modules are what it works with.
"""
