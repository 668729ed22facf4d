"""Sources of documents: one module per kind (folder, git, website, slack), found by folder; there is no list to
edit.

A kind offers what :class:`ingest.sources.connector.SourceModule` names. What a kind is made of has a folder of its
own: web, gitrepo, slackthreads.
"""
