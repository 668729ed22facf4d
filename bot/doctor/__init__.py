"""``docent doctor``: checks everything Docent depends on, and says how to fix what is wrong.

Changes nothing, posts nothing, and prints no secret. One module per dependency; a check yields findings as it
makes them, and :mod:`bot.doctor.examination` runs the checks. A new check is a function from
:class:`~bot.doctor.context.CheckContext` to findings, and a line in ``examination.examine``.
"""
