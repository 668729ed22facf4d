"""``docent doctor``: asks everything Docent needs whether it is well, and says what to do where it is not.

Changes nothing, posts nothing, and shows no secret. One module for each thing that is asked; a check yields
findings as it learns them (:mod:`bot.doctor.examination`).
"""
