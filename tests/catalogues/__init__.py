"""Keeps the catalogues of translations in step with the code: ``make catalogues``."""
