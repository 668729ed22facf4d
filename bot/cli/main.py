"""The ``docent`` command: its commands in the order in which a newcomer needs them, and how it ends.

Promises that what goes wrong gets one clear line that says what to do, and never a traceback: exit code 2 for what
the person or the settings got wrong and for what is away, 1 for a bug. Imports nothing heavy: each command imports
what it needs.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import dotenv
import typer
from typer.core import TyperGroup

from agent.errors import UserError
from bot.cli import access, channels, documents, getting_started, processes, questions, sessions
from bot.evaluation.command import evaluate
from bot.processes import private_files
from bot.record.people_command import people_app
from bot.record.safekeeping import commands as safekeeping
from bot.record.verified_command import verified_app
from bot.record.workspaces.budgets_command import budgets_app
from bot.record.workspaces.workspaces_command import workspaces_app

ORDER = (
    *("demo", "ingest", "ask", "search", "documents", "access", "sync", "forget", "reindex"),  # on one machine
    "take-over-index",
    *("doctor", "manifest", "web", "worker", "clock", "migrate", "workspaces", "channels"),  # with Slack
    *("sessions", "usage", "budgets", "report", "verified", "people", "eval"),  # afterwards
    *("backup", "restore", "check", "index"),  # the day after
)
DISTRIBUTION = "docent-answers"


class _InOrder(TyperGroup):
    """Lists the commands as :data:`ORDER` has them."""

    def list_commands(self, ctx: object) -> list[str]:
        return sorted(self.commands, key=ORDER.index)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        print(f"docent {version(DISTRIBUTION)}")
        raise typer.Exit


app = typer.Typer(
    cls=_InOrder,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # one line per error, not a box
)


@app.callback()
def docent(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Answer a company's questions from its own documents.

    \b
    For example:
      docent demo                                     # try it in the browser, with a stand-in for Slack
      docent ingest handbook/ --link 'https://handbook.example/{path}'
      docent ask "How many days of annual leave can I carry over?"
      docent doctor                                   # what is missing, and what to do
    """


for command in (
    *(getting_started.demo, getting_started.doctor, getting_started.manifest, questions.ask, questions.search),
    *(documents.ingest, documents.documents, documents.sync, documents.forget, documents.reindex),
    documents.take_over_index,
    *(processes.web, processes.worker, processes.clock, processes.migrate, sessions.usage),
    *(sessions.report, safekeeping.backup, safekeeping.restore, safekeeping.check),
):
    app.command()(command)
app.command("eval")(evaluate)
app.add_typer(sessions.sessions_app, name="sessions")
app.add_typer(people_app, name="people")
app.add_typer(safekeeping.index_app, name="index")
app.add_typer(verified_app, name="verified")
app.add_typer(workspaces_app, name="workspaces")
app.add_typer(budgets_app, name="budgets")
app.add_typer(access.access_app, name="access")
app.add_typer(channels.channels_app, name="channels")


def main() -> None:
    """Runs the ``docent`` command and exits with its code."""
    private_files.keep_private()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads would compete with ours
    os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings mean nothing to an operator
    dotenv.load_dotenv(Path.cwd() / ".env")  # litellm reads the providers' keys from the environment
    for name in [name for name, value in os.environ.items() if name.endswith("_API_KEY") and not value.strip()]:
        del os.environ[name]  # an empty line in .env is no key, and litellm would send it
    if os.environ.pop("DOCENT_TIED_TO_STDIN", None):
        from bot.processes import parent_watch

        parent_watch.exit_when_parent_dies(sys.stdin.fileno())
    try:
        app()
    except UserError as error:
        _exit_with(str(error), 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        import agent.settings

        if agent.settings.load().log_level.upper() == "DEBUG":
            raise
        _exit_after(error)


def _exit_after(error: Exception) -> NoReturn:
    """Says what is away or wrong where that is known; anything else is a bug, with an id to quote."""
    from agent import observability
    from bot import outages

    if outage := outages.explain(error):
        _exit_with(str(outage), 2)
    error_id = observability.report(error, event="command_failed")
    observability.flush()
    hint = "Set DOCENT_LOG_LEVEL=DEBUG to see the traceback."
    _exit_with(f"Something went wrong ({type(error).__name__}, {error_id}). {hint}", 1)


def _exit_with(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"docent: {line}", file=sys.stderr)
    sys.exit(code)
