"""``make demo``: all of Docent on one machine, with a simulated Slack workspace in the browser."""

from bot.demo.run import run

__all__ = ["run"]
