"""Sources of documents: ``folder``, ``git``, ``slack`` and ``website`` are one type each, found by folder.

:mod:`ingest.sources.connector` says what a type offers and which options every source has; a new type is one new
module here (see :class:`ingest.sources.connector.SourceModule`), and no list has to be edited. The parts that a
type is made of are in a folder of their own: ``gitrepo``, ``slackthreads``, ``web``.
"""
