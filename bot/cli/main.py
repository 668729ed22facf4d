"""The ``docent`` command and its processes: web, worker, clock, demo.

Promises that bad input gets one clear line and exit code 2, and never a traceback. The commands about documents
and sessions are in modules of their own, in this folder.
"""

import getpass
import json
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import dotenv
import typer
from sqlalchemy.exc import OperationalError

import agent.settings
import bot.settings
from agent import observability
from agent.errors import UserError
from agent.types import TurnStatus
from bot.cli import connection
from bot.cli.documents import documents, forget, ingest, reindex, require_question, search, sync
from bot.cli.sessions import sessions_app, usage
from bot.evaluation.command import evaluate
from bot.output import AsJson
from bot.processes import parent_watch, startup_checks
from bot.processes.startup_checks import ProcessName

if TYPE_CHECKING:
    from bot.jobs.context import WorkerContext

SWEEPS_PER_LOOK = 5  # the clock checks which sources are due once in so many sweeps

app = typer.Typer(
    help="Answer a company's questions from its own documents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # one line per error, not a box
)
app.add_typer(sessions_app, name="sessions")
app.command()(usage)
app.command("eval")(evaluate)
for command in (sync, ingest, documents, search, reindex, forget):
    app.command()(command)


def main() -> None:
    """Runs the ``docent`` command and exits with its code."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads would compete with ours
    os.environ.setdefault("LANCEDB_LOG", "error")  # its warnings mean nothing to an operator
    dotenv.load_dotenv(Path.cwd() / ".env")  # litellm reads the providers' keys from the environment
    if os.environ.pop("DOCENT_TIED_TO_STDIN", None):
        parent_watch.exit_when_parent_dies(sys.stdin.fileno())
    try:
        app()
    except UserError as error:
        _exit_with(str(error), 2)
    except OperationalError:
        _exit_with("Postgres does not answer. Check DATABASE_URL, or unset it to use the embedded server.", 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if agent.settings.load().log_level.upper() == "DEBUG":
            raise
        error_id = observability.report(error, event="command_failed")
        observability.flush()
        hint = "Set DOCENT_LOG_LEVEL=DEBUG to see the traceback."
        _exit_with(f"Something went wrong ({type(error).__name__}, {error_id}). {hint}", 1)


@app.command()
def web(port: Annotated[int | None, typer.Option(help="Listen on this port instead of PORT.")] = None) -> None:
    """Receive events from Slack. They come by HTTP at /slack/events, or by Socket Mode."""
    from bot.processes import environment
    from bot.processes import web as process

    if port is not None:
        os.environ["PORT"] = str(port)
    startup_checks.check(ProcessName.WEB)
    with environment.open_database(needs_redis=True, statement_timeout_seconds=2) as database:
        settings = bot.settings.load()
        observability.set_up(agent.settings.load(), process="web")
        process.run(settings, database)


@app.command()
def worker(
    processes: Annotated[
        int | None, typer.Option(min=1, help="Start so many processes. Default: one per core.")
    ] = None,
) -> None:
    """Answer questions and sync sources. Takes both from the queue in Redis."""
    from bot.processes import environment, supervisor
    from bot.processes import worker as process

    startup_checks.check(ProcessName.WORKER)
    n_processes = processes or os.cpu_count() or 1
    with ExitStack() as stack:
        database = stack.enter_context(environment.open_database(needs_redis=True))
        settings = bot.settings.load()
        if n_processes == 1:
            process.run(settings, lambda: _build_context(settings), on_exit=stack.close)
        database.close()  # a connection must not be shared across the fork
        supervisor.supervise(
            n_processes, lambda: process.run(settings, lambda: _build_context(settings)), preload=_preload
        )


@app.command()
def clock() -> None:
    """Start due syncs and requeue lost questions. Also deletes old records. Several may run; one of them acts."""
    import signal
    from zoneinfo import ZoneInfo

    import ingest.settings
    from bot.jobs import queue
    from bot.processes import clock as process
    from bot.processes import environment
    from bot.processes.retention_schedule import RetentionSchedule
    from bot.processes.sync_schedule import SyncSchedule

    startup_checks.check(ProcessName.CLOCK)
    with environment.open_database(needs_redis=True) as database:
        settings = bot.settings.load()
        observability.set_up(agent.settings.load(), process="clock")
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        redis = queue.connect(settings)
        jobs = queue.open_turn_queue(settings, redis)
        library = ingest.settings.load()
        schedule = SyncSchedule(
            database,
            queue.open_sync_queue(settings, redis),
            library.config,
            n_jobs=settings.sync_jobs,
            check_seconds=SWEEPS_PER_LOOK * settings.sweep_seconds,
            lease_seconds=library.sync_lease_seconds,
        )
        observability.log.info("clock_ready", every_seconds=settings.sweep_seconds)
        nights = RetentionSchedule(database, ZoneInfo(agent.settings.load().time_zone), settings.retention_days)
        process.run(
            database,
            jobs,
            every_seconds=settings.sweep_seconds,
            stopping=stopping,
            retention=nights,
            syncs=schedule,
        )
        observability.flush()


@app.command()
def demo(
    docs: Annotated[
        Path | None, typer.Option(help="Answer from the documents in this folder. Default: a sample handbook.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Serve the page on this port.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try Docent with a simulated Slack. Everything runs on this machine; the page opens in a browser."""
    startup_checks.check_demo()
    from bot import demo as demo_

    settings = agent.settings.load().model_copy(update={"sentry_dsn": None})  # a demo's errors alarm nobody
    observability.set_up(settings, process="demo")
    demo_.run(docs=docs, port=port, opens_browser=browser)


@app.command()
def migrate() -> None:
    """Migrate the database to this release. Run it before the new processes start."""
    from bot.processes import environment, schema_version

    url = agent.settings.load().database_url
    if url:
        environment.migrate(url.get_secret_value())
    with environment.open_database() as database:
        print(f"The database is at revision {schema_version.read_revision(database)}.")


@app.command()
def doctor(
    json_: AsJson = False,
    model_call: Annotated[
        bool | None,
        typer.Option("--model-call/--no-model-call", help="Call the model once, or do not. Default: ask."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Test whether the web process can be reached at this address: https://your.host"),
    ] = None,
) -> None:
    """Check everything that Docent needs. Says how to fix what fails."""
    from bot.doctor import examination, report

    context = examination.make_context(may_call=model_call, url=url)
    observability.set_up(context.kernel.model_copy(update={"sentry_dsn": None}), process="cli")
    models = examination.external_models(context)
    if models and model_call is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty():
        context.may_call = typer.confirm(f"Call {' and '.join(models)} once, for a fraction of a cent?")
    if not report.print_findings(examination.examine(context), as_json=json_):
        sys.exit(1)


@app.command()
def manifest(
    url: Annotated[
        str | None,
        typer.Option(help="Have Slack send events to this public address, by HTTP. Default: Socket Mode."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name the bot.")] = "Docent",
    command: Annotated[str, typer.Option(help="Name the slash command.")] = "/ask",
) -> None:
    """Print the Slack app's manifest. Paste it at api.slack.com/apps: Create New App, From a manifest."""
    from bot import output
    from bot.slack import manifest

    output.print_json(manifest.build(url=url, name=name, command=command, prompts=bot.settings.load().prompts))


@app.command()
def ask(question: Annotated[str, typer.Argument(help="The question, in quotes.")], json_: AsJson = False) -> None:
    """Answer a question in the terminal. Model, tools and limits are the same as in Slack."""
    from bot.jobs import terminal_reply, wiring

    question = require_question(question)
    with connection.open_database() as database:
        context = wiring.build(agent.settings.load(), database)
        stream = None if json_ else sys.stdout
        outcome = terminal_reply.ask(context, database, question, user=getpass.getuser(), stream=stream)
        context.leases.close()
    if json_:
        print(json.dumps(outcome, ensure_ascii=False, indent=2))
    if outcome["status"] != TurnStatus.COMPLETED:
        sys.exit(1)


def _build_context(settings: bot.settings.BotSettings) -> "WorkerContext":
    """Builds what a worker process answers with, with connections of its own."""
    from agent.store.database import Database
    from bot.jobs import queue, wiring
    from bot.jobs.redis_breaker import TIMEOUT_SECONDS, RedisBreaker
    from bot.slack.client import SlackClient

    kernel = agent.settings.load()
    observability.set_up(kernel, process="worker")
    assert kernel.database_url
    assert settings.slack_bot_token
    return wiring.build(
        kernel,
        Database(kernel.database_url.get_secret_value(), statement_timeout_seconds=30),
        slack=SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url),
        turn_queue=queue.open_turn_queue(settings, queue.connect(settings)),
        breaker=RedisBreaker(
            queue.connect(settings, timeout_seconds=TIMEOUT_SECONDS), seconds=kernel.breaker_seconds
        ),
        delivery_hours=settings.delivery_hours,
    )


def _preload() -> None:
    """Imports and checks once, before the fork, what every worker process needs."""
    from agent.llm import litellm_setup, models
    from bot.jobs import wiring
    from ingest import embedding
    from ingest import settings as ingest_settings
    from tools import registry

    registry.find_tools(
        bot.settings.load().own_tools
    )  # a tool that cannot be loaded is reported once, not by each fork
    litellm_setup.warm_up()
    models.resolve(agent.settings.load())  # so is a model without a price
    if ingest_settings.load().embedding_model == ingest_settings.STATIC_EMBEDDING_MODEL:
        embedding.warm_up()
    assert wiring  # imported for the forks to share


def _exit_with(message: str, code: int) -> NoReturn:
    for line in message.splitlines():
        print(f"docent: {line}", file=sys.stderr)
    sys.exit(code)
