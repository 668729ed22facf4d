"""``make train``: chooses the weights of ranking, of statements and of refusals on questions to collections.

``collections`` reads the collections in, ``regression`` fits, ``parts`` has the three things that are trained,
``left_out`` measures each collection with weights that were chosen on the others.
"""
