"""Questions that the clock asks: ``/docent every monday 9:00 What changed?``.

:mod:`.recurrence` says when, :mod:`.rows` is what is stored, :mod:`.command` what people set up, list and remove,
:mod:`.asking` what the clock does. What is posted of the answer decides :mod:`bot.slack.replies.unasked`.
"""
