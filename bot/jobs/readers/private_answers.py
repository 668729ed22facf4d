"""Finds out whether an asker could be answered better alone than in front of a channel, and offers that.

Costs a search more only where the asker may read something that the channel may not. Owns no promise to the
question itself, which is answered already: whatever fails here is reported and left.
"""

import time

from sqlalchemy.exc import SQLAlchemyError

from agent import observability
from agent.errors import DocentError
from agent.store import earlier_turns
from agent.store.sessions import Turn
from agent.tools import ToolContext
from agent.types import Audience
from bot.jobs.context import WorkerContext
from bot.slack.inbox import ReplyAddress
from bot.slack.interactions import private_offer
from ingest.library import Library
from tools.search_docs import search_docs

SECONDS = 10
TOP = 3  # a better answer has one of these passages from what the channel may not read


def offer(context: WorkerContext, turn: Turn, address: ReplyAddress) -> None:
    """Offers a private answer if there is a better one, for which the search must be good and not for all."""
    try:
        _offer(context, turn, address)
    except (DocentError, SQLAlchemyError) as error:
        observability.report(error, event="private_offer_failed")


def _offer(context: WorkerContext, turn: Turn, address: ReplyAddress) -> None:
    library = context.library
    if not (context.audiences and context.slack and library) or address.is_private:
        return
    deadline = time.monotonic() + SECONDS
    alone = context.audiences.of_person(turn.user_id, deadline, also=f"channel:{address.channel}")
    if not library.may_read_more(alone, than=turn.audience):
        return
    with context.database.transaction() as transaction:
        query = earlier_turns.load_standalone(transaction, turn.id, workspace=turn.workspace, user_id=turn.user_id)
    if query and _is_better(context, library, turn, query, alone):
        private_offer.show(context.slack, address, turn.id)
        observability.log.info("private_answer_offered")


def _is_better(context: WorkerContext, library: Library, turn: Turn, query: str, alone: Audience) -> bool:
    tool_context = ToolContext(
        alone, turn.session_key, time.monotonic() + SECONDS, resources=context.agent.resources
    )
    found = search_docs.call({"query": query}, tool_context)
    documents = {passage.document_id for passage in found.passages[:TOP]}
    with context.database.transaction() as transaction:
        hidden = context.agent.find_unreadable(transaction, documents, turn.audience)
    return bool(hidden) and not found.is_weak
