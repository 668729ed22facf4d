"""The whole of Docent in this process, as for the tests of what is clicked."""

from tests.bot.slack.conftest import docent

__all__ = ["docent"]
