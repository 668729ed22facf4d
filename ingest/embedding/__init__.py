"""Turns texts into vectors: ``embedder`` with any model, ``sentence_model`` is the transformer that runs here.

``neutral_texts`` are what a question is compared with where there are too few documents.
"""
