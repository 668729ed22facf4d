"""The commands that ask: ask, search. Owns their options and checks them before anything heavy is loaded."""

import getpass
import json
import sys
from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from agent.errors import UserError
from bot.cli import connection
from bot.output import AsJson

NO_DOCUMENTS = (
    "No documents have been read in yet, so there is nothing to answer from. Run 'docent ingest PATH', or declare "
    "sources in docent.toml and run 'docent sync'. 'docent documents --problems' lists what could not be read."
)
MAX_TOKENS = 100_000  # of what 'docent search' prints: enough for every passage that -n allows


def ask(question: Annotated[str, typer.Argument(help="The question, in quotes.")], json_: AsJson = False) -> None:
    """Answer a question in the terminal. Model, tools and limits are the same as in Slack.

    For example: docent ask "How many days of annual leave can I carry over?"
    """
    question = require_question(question)
    connection.announce("Opening the documents …", is_quiet=json_)
    import agent.settings
    from agent.types import TurnStatus
    from bot.jobs import terminal_reply, wiring

    with connection.open_database() as database:
        context = wiring.build(agent.settings.load(), database)
        if context.lacks_documents(context.read_index_state()):
            raise UserError(NO_DOCUMENTS)
        stream = None if json_ else sys.stdout
        outcome = terminal_reply.ask(context, database, question, user=getpass.getuser(), stream=stream)
        failures = terminal_reply.describe_failures(database, UUID(outcome["turn_id"]))
        context.leases.close()
    if json_:
        print(json.dumps(outcome, ensure_ascii=False, indent=2))
    for failure in failures:
        print(f"docent: {failure}", file=sys.stderr)
    if outcome["status"] != TurnStatus.COMPLETED:
        sys.exit(1)


def search(
    query: Annotated[str, typer.Argument(help="The question, in quotes.")],
    *,
    n: Annotated[int, typer.Option("-n", min=1, max=50, help="Show so many passages.")] = 8,
    source: Annotated[list[str] | None, typer.Option(help="Search only this source. May be repeated.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Search only documents changed since then: 30d, or 2026-01-31.")
    ] = None,
    as_: Annotated[
        list[str] | None,
        typer.Option("--as", help="Search also what this reader may read: channel:C0123. May be repeated."),
    ] = None,
    why: Annotated[bool, typer.Option("--why", help="Show each passage's ranks, and why it is there.")] = False,
    json_: AsJson = False,
) -> None:
    """Show the passages that match a question. Searches as the bot does before it answers.

    For example: docent search "annual leave" --why --since 30d
    """
    query = require_question(query)
    connection.announce("Opening the documents …", is_quiet=json_)
    from bot import output
    from bot.cli import search_explain
    from bot.cli.library import slack_readers
    from ingest import settings
    from ingest.library import Library
    from tools.passages import make_readable

    with connection.open_index() as database:
        library = Library(database, settings.load())
        status = library.status()
        if problem := status.problem or (status.is_empty and NO_DOCUMENTS):
            raise UserError(problem)
        for name in source or ():
            if name not in library.count_documents():
                raise UserError(f"There is no source '{name}'. 'docent documents' lists them.")
        audience, start = slack_readers.make_audience(database, as_ or ()), _parse_since(since)
        result = library.search(query, audience=audience, k=n, sources=source or (), since=start)
    if why:
        search_explain.explain(result, as_json=json_)
    else:
        output.print_passages(make_readable(result.passages, max_tokens=MAX_TOKENS), as_json=json_)


def require_question(text: str) -> str:
    """Returns the question without surrounding spaces; raises :class:`UserError` if nothing is left."""
    if not text.strip():
        raise UserError("The question is empty.")
    return text.strip()


def _parse_since(since: str | None) -> datetime | None:
    import agent.settings
    from agent.clock import now
    from bot.cli import time_ranges

    zone = ZoneInfo(agent.settings.load().time_zone)
    return time_ranges.parse_moment(since, zone=zone, now=now()) if since else None
