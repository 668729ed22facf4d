"""Readers: one module per format, each run in the child process of :mod:`ingest.documents.converter`.

Unlike tools and sources, readers are registered: a new one needs a member of ``Format`` and an entry of
``FORMATS`` in :mod:`ingest.documents.formats`, an entry of ``MODULES`` in :mod:`.reader`, and one in
:mod:`.signature` if its files begin with a signature. Whoever changes what a reader returns raises
``PIPELINE_VERSION`` in :mod:`ingest.sync.staging`.
"""
