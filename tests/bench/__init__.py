"""Benchmarks: ``make bench``. Whole processes, real servers, a scripted model, the stand-in workspace."""
