"""The extractive answerer: a chat model without a network, which quotes the sentences that answer.

``answer`` is the model; it reads a ``question``, cuts passages into ``statements``, matches their ``features``,
scores their ``relevance``, decides whether there are ``grounds`` to answer, and writes the quotation
(``rendering``).
"""
