"""The doctor's context, with whose words those of the commands are compared."""

from tests.bot.doctor.conftest import context

__all__ = ["context"]
