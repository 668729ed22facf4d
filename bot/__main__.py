"""Runs the ``docent`` command as ``python -m bot``, without its script on the path."""

from bot.cli.main import main

main()
