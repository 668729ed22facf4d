"""Verified answers: what a person has written or confirmed as the answer to a question, as a source of its own.

`answers` keeps them in Postgres and says for whom each may be used, `indexing` brings the index in step with it.
"""
