"""Keeps the catalogues of translations in step with the code: ``python -m tests.catalogues``, or ``make catalogues``."""
