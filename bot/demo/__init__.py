"""``make demo``: the whole of Docent on one machine, with a stand-in workspace in the browser."""

from bot.demo.run import run

__all__ = ["run"]
