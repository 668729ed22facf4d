"""A copy of the index on this machine, where the index itself is in a bucket.

``index_mirror`` finds the version that a search may read and opens it, ``version_copy`` copies one version,
``mirror_folder`` is what lies on the disk, ``manifest`` reads which files a version consists of, ``mirror_keeper``
keeps the copy fresh beside a worker, and ``machines`` stores in Postgres what each machine has.
"""
