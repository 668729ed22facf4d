"""What Docent says when something it needs is away or wrong: what was tried, where, and what to do.

The one place for these sentences: ``docent doctor``, every command that fails and the logs use them. Never names a
password or a token. One module per thing that can be away; language models are :mod:`agent.llm.provider_errors`'s.
"""

from bot.outages.command import explain
from bot.outages.diagnosis import Diagnosis

__all__ = ["Diagnosis", "explain"]
