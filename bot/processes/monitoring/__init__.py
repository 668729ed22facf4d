"""What a process tells those who watch it: whether it can work (``/readyz``), and its metrics (``/metrics``)."""
