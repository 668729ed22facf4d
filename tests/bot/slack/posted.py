"""What a worker that claims a turn reads of its reply."""

from agent.store.database import Database
from agent.store.sessions import Turn
from bot.slack.inbox import ReplyAddress
from bot.slack.replies import reply_rows
from bot.slack.replies.reply_rows import Posted


def load_posted(database: Database, turn: Turn, address: ReplyAddress) -> Posted:
    """Reads what is stored; ``address`` is where the test wants it."""
    with database.transaction() as transaction:
        found = reply_rows.load(transaction, turn.id)
    return Posted(address, found.ts if found else ())
