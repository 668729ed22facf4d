"""The index of chunks, a LanceDB table.

``table`` reads and writes one table, ``active_index`` knows which table is searched, ``reindex`` replaces it for
another embedding model; ``candidates`` finds a search's rows within ``filters``, ``scan`` reads the index as a
whole, and ``lancedb_runtime`` alone imports LanceDB.
"""
