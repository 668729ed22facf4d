"""Parts of :mod:`ingest.sources.website`, from the connection up.

``public_network`` connects to public addresses only, ``http_fetcher`` sends requests, ``site`` says which
addresses belong to a site; ``robots``, ``sitemap``, ``markup`` and ``webpage`` interpret answers; ``frontier`` is
the queue of addresses, ``visits`` what is stored between two listings, and ``crawl`` lists a site with all of
them.
"""
