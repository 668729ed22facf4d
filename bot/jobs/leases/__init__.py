"""The leases of a worker process: what it holds (:mod:`.held`), and who renews them (:mod:`.renewer`)."""
