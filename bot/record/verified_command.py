"""The commands about verified answers: ``docent verified list``, ``show`` and ``withdraw``."""

import sys
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from agent.errors import UserError
from bot.output import AsJson
from bot.record.people_command import open_database

if TYPE_CHECKING:
    from agent.store.database import Database
    from ingest.verified.answers import RestingDocument, VerifiedAnswer

QUESTION_CHARS = 70
AnswerId = Annotated[str, typer.Argument(metavar="ID", help="The answer's id, or its last characters.")]

verified_app = typer.Typer(help="List, show and withdraw verified answers.", no_args_is_help=True)


class VerifiedJson(TypedDict):
    """A verified answer in the JSON; times are ISO 8601."""

    id: str
    status: str
    question: str
    answer: str
    author: str
    author_name: str
    verified_at: str
    url: str
    readers: list[str] | list[list[str]]
    documents: list[dict[str, object]]


@verified_app.command("list")
def verified_list(*, json_: AsJson = False) -> None:
    """List verified answers, the latest first, with their authors and whether they are used.

    For example: docent verified list --json
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from agent.text import shorten
    from bot import output
    from ingest.verified import answers

    with open_database() as database, database.transaction() as transaction:
        known = answers.load_all(transaction)
    if json_:
        output.print_json([_to_json(answer) for answer in known])
        return
    console = Console(soft_wrap=True, highlight=False)
    if not known:
        console.print("There are no verified answers. Experts write them in Slack, with 'Correct this'.")
        return
    table = Table(box=None)
    for column in ("id", "question", "verified by", "on", "state"):
        table.add_column(column, no_wrap=column != "question")
    for answer in known:
        row = (_shorten_id(answer), shorten(answer.question, QUESTION_CHARS), answer.author_name or answer.author)
        table.add_row(*map(escape, row), f"{answer.verified_at:%Y-%m-%d}", describe_state(answer))
    console.print(table)


@verified_app.command("show")
def verified_show(id_: AnswerId, *, json_: AsJson = False) -> None:
    """Show one verified answer, what it rests on, and who may know it."""
    from bot import output
    from ingest.access import principals

    with open_database() as database:
        answer = _find(database, id_)
    if json_:
        output.print_json(_to_json(answer))
        return
    lines = [
        answer.question,
        "",
        answer.answer,
        "",
        f"verified by  {answer.author_name or 'somebody'} ({answer.author}), {answer.verified_at:%Y-%m-%d %H:%M}",
        f"state        {describe_state(answer)}",
        f"given in     {answer.url or answer.place.get('channel')}",
        f"readers      {principals.describe_readers(answer.readers)}",
        *(f"rests on     {_mark(one)} {one.url}" for one in answer.documents),
    ]
    sys.stdout.write("\n".join(line.rstrip() for line in lines) + "\n")


@verified_app.command("withdraw")
def verified_withdraw(id_: AnswerId) -> None:
    """Withdraw a verified answer: it is not used any more. What stands in its thread stays."""
    from ingest.verified import answers

    with open_database() as database:
        answer = _find(database, id_)
        with database.transaction() as transaction:
            is_done = answers.withdraw(transaction, answer.id)
    sys.stdout.write("Withdrawn: it is not used any more.\n" if is_done else "It was withdrawn already.\n")


def describe_state(answer: "VerifiedAnswer") -> str:
    """Says whether an answer is used."""
    from ingest.verified.answers import VerifiedStatus

    if answer.status is VerifiedStatus.ACTIVE and not answer.is_current:
        return "waits for its author: something it rests on has changed"
    words = {
        VerifiedStatus.ACTIVE: "used",
        VerifiedStatus.PENDING: "about to be shown in its thread",
        VerifiedStatus.WITHDRAWN: "withdrawn",
    }
    return words[answer.status]


def _find(database: "Database", id_: str) -> "VerifiedAnswer":
    from ingest.verified import answers

    with database.transaction() as transaction:
        known = answers.load_all(transaction)
    named = id_.strip().lower().replace("-", "")
    found = [answer for answer in known if named and answer.id.hex.endswith(named)]
    if len(found) != 1:
        several = f"{len(found)} verified answers have an id that ends like that" if found else "There is none"
        raise UserError(f"'{id_}' names no verified answer: {several}. 'docent verified list' lists them.")
    return found[0]


def _shorten_id(answer: "VerifiedAnswer") -> str:
    """Returns the end of an id: those that were made in the same hours begin alike."""
    return answer.id.hex[-8:]


def _to_json(answer: "VerifiedAnswer") -> VerifiedJson:
    from ingest.access import reader_sets

    return {
        "id": str(answer.id),
        "status": describe_state(answer),
        "question": answer.question,
        "answer": answer.answer,
        "author": answer.author,
        "author_name": answer.author_name,
        "verified_at": answer.verified_at.isoformat(timespec="seconds"),
        "url": answer.url,
        "readers": reader_sets.to_json(answer.readers),
        "documents": [
            {
                "id": one.id,
                "title": one.title,
                "url": one.url,
                "is_unchanged": one.is_same,
                "is_cited": one.is_cited,
            }
            for one in answer.documents
        ],
    }


def _mark(document: "RestingDocument") -> str:
    if not document.is_cited:
        return f"{document.title} (not cited; only its readers count)"
    return document.title if document.is_same else f"{document.title} (changed or gone)"
