"""``python -m bot``: the ``docent`` command, wherever its script lies."""

from bot.cli.main import main

main()
