"""The library: reads documents from sources, and searches them.

``sources`` lists and fetches documents, ``documents`` reads and splits them, ``index`` stores their chunks,
``search`` finds and ranks chunks, and ``sync`` brings the index in step with the sources; each imports only those
before it, but for ``sync``, which needs no ``search``. ``library`` is the entry for the rest of Docent. Modules
directly here are shared by the folders: ``access``, ``embedding``, ``tables``, ``settings`` and small types.
"""
