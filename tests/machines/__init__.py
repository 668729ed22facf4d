"""Several machines on this one: network namespaces that share nothing but what is served to them.

``network`` makes them and their cables, ``machine`` is one of them with Docent's processes. A cable can be cut for
one service of one machine by itself: connections closed and refused, or packets dropped without a word.
"""
