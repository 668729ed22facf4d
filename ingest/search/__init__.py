"""Search: ``search`` is one search from the question to the passages; ``listing`` lists documents without one.

``ranking`` orders candidates, with ``late_interaction`` between single words, ``near_duplicates`` to fold passages
that say the same, and an optional ``reranker``. ``text`` splits texts into comparable words, ``typos`` corrects
them.
"""
