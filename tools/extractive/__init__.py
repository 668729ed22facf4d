"""The extractive answerer: a chat model without a network that quotes the sentences that answer."""
