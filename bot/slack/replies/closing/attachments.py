"""The files below an answer: the whole of each table that it shows in part, as CSV.

Promises that an answer does not depend on them: a file that Slack does not take is named in the answer's notice,
or in a sentence below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent import observability
from agent.errors import ReplyError
from agent.translation.speech import mark, say
from bot.slack.client import SlackClient, SlackRefused
from bot.slack.replies.reply import Answer

MAX_FILES = 3
TITLE = mark("Table {n}")
IN_FILE = mark("The whole table is in the file below.")
IN_DIRECT_MESSAGE = mark("The whole table is in a file that I sent you directly.")
NOT_ATTACHED = mark("I could not attach the whole table as a file ({why}); ask for a part of it.")
MARK = "utf-8-sig"  # with the mark by which spreadsheets know the encoding


@dataclass(frozen=True)
class TableFile:
    """A file that was uploaded and is not shared yet."""

    id: str
    name: str
    title: str


def list_names(answer: Answer) -> list[str]:
    """Returns the names of the answer's files, by which they are known again after a crash."""
    return [f"table-{answer.turn_id.hex[-8:]}-{n}.csv" for n, _ in enumerate(answer.long_tables[:MAX_FILES], 1)]


def upload(slack: SlackClient, answer: Answer) -> tuple[list[TableFile], str]:
    """Uploads the answer's tables; returns the files, and what to say where that failed."""
    files = []
    tables = zip(list_names(answer), answer.long_tables, strict=False)
    try:
        for n, (name, table) in enumerate(tables, 1):
            files.append(TableFile(slack.upload(name, table.to_csv().encode(MARK)), name, say(TITLE, n=n)))
    except ReplyError as error:
        return [], explain_failure(error)
    return files, ""


def share(slack: SlackClient, files: Sequence[TableFile], *, channel: str, thread_ts: str | None = None) -> str:
    """Shares uploaded files in a conversation; returns what to say where that failed."""
    try:
        slack.call(
            "files.completeUploadExternal",
            is_repeatable=False,
            files=[{"id": file.id, "title": file.title} for file in files],
            channel_id=channel,
            thread_ts=thread_ts,
        )
    except ReplyError as error:
        return explain_failure(error)
    return ""


def explain_failure(error: ReplyError) -> str:
    """Returns what to say of a file that is missing; the operator is told, too."""
    observability.report(error, event="table_not_attached")
    why = (
        say("Slack says “{code}”", code=error.code)
        if isinstance(error, SlackRefused)
        else say("Slack did not answer")
    )
    return say(NOT_ATTACHED, why=why)
