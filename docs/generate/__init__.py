"""Writes the generated parts of the documents in ``docs/``: ``make docs``.

``tests/test_docs.py`` fails where one is stale. A generated part is between ``<!-- generated: NAME -->`` and
``<!-- end: NAME -->``.
"""
