"""Tests of :mod:`bot.outages`."""
