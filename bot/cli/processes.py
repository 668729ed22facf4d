"""The commands that run for long, web, worker and clock, and the one that prepares their database, migrate."""

import os
import threading
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from rq import Queue

    import bot.settings
    from agent.store.database import Database
    from bot.jobs.context import WorkerContext
    from bot.jobs.slack_connection import SlackConnections
    from bot.processes.schedules.catch_up_schedule import CatchUpSchedule
    from bot.processes.schedules.people_schedule import PeopleSchedule
    from bot.processes.schedules.question_schedule import QuestionSchedule
    from bot.processes.schedules.queue_places import QueuePlaces
    from bot.processes.schedules.report_schedule import ReportSchedule
    from bot.slack.installation.rotation import RotationSchedule

CLOCK_POOL_SIZE = 3  # connections beside a worker: it sweeps, catches up, finishes what people click
SWEEPS_PER_LOOK = 5  # the clock checks which sources are due once in so many sweeps


def web(port: Annotated[int | None, typer.Option(help="Listen on this port instead of PORT.")] = None) -> None:
    """Receive events from Slack. They come by HTTP at /slack/events, or by Socket Mode."""
    import agent.settings
    import bot.settings
    from agent import observability
    from bot.processes import environment, startup_checks
    from bot.processes import web as process
    from bot.processes.startup_checks import ProcessName

    if port is not None:
        os.environ["PORT"] = str(port)
    startup_checks.check(ProcessName.WEB)
    with environment.open_database(needs_redis=True, statement_timeout_seconds=2) as database:
        settings = bot.settings.load()
        observability.set_up(agent.settings.load(), process="web")
        process.run(settings, database)


def worker(
    processes: Annotated[
        int | None, typer.Option(min=1, help="Start so many processes. Default: one per core.")
    ] = None,
    with_clock: Annotated[
        bool, typer.Option("--clock", help="Be the clock too, in a thread, so that no 'docent clock' is needed.")
    ] = False,
) -> None:
    """Answer questions and sync sources. Takes both from the queue in Redis."""
    import agent.settings
    import bot.settings
    from bot.jobs.leases import renewer
    from bot.processes import environment, startup_checks, supervisor
    from bot.processes.monitoring import exporter
    from bot.processes.startup_checks import ProcessName

    startup_checks.check(ProcessName.WORKER)
    n_processes = processes or os.cpu_count() or 1
    beside = {"clock": _run_clock_beside_work} if with_clock else {}
    with ExitStack() as stack:
        database = stack.enter_context(environment.open_database(needs_redis=True))
        settings = bot.settings.load()
        database.close()  # a connection must not be shared across a fork
        counted_in, forked = exporter.fork(settings), None
        if n_processes == 1:
            supervisor.settle_memory()
            # Before anything heavy is loaded: a page that the worker changes afterwards is there twice.
            forked = renewer.fork(agent.settings.load())
        from bot.processes import worker as process

        run = partial(process.run, settings, partial(_build_context, settings, counted_in), beside=beside)
        if forked:
            process.preload()
            run(forked=forked, on_exit=stack.close)
        supervisor.supervise(n_processes, run, preload=process.preload)


def clock() -> None:
    """Start due syncs and requeue lost questions. Also deletes old records. Several may run; one of them acts."""
    import signal

    import agent.settings
    import bot.settings
    from agent import observability
    from bot.processes import environment, startup_checks
    from bot.processes.monitoring import metrics_page
    from bot.processes.startup_checks import ProcessName

    startup_checks.check(ProcessName.CLOCK)
    observability.set_up(agent.settings.load(), process="clock")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with environment.open_database(needs_redis=True) as database:
        settings = bot.settings.load()
        metrics_page.serve_beside(settings, metrics_page.open_own(settings), process="clock")
        _run_clock(database, stopping)
    observability.flush()


def _run_clock_beside_work(stopping: threading.Event) -> None:
    """Runs the clock in a worker process, with connections of its own."""
    import agent.settings
    from agent.store.database import Database

    url = agent.settings.load().database_url
    assert url
    database = Database(url.get_secret_value(), pool_size=CLOCK_POOL_SIZE, statement_timeout_seconds=30)
    _run_clock(database, stopping)
    database.close()


def _run_clock(database: "Database", stopping: threading.Event) -> None:
    from zoneinfo import ZoneInfo

    import agent.settings
    import bot.settings
    import ingest.settings
    from agent import observability
    from bot.jobs import queue
    from bot.outages import redis_watch
    from bot.processes import clock as process
    from bot.processes.schedules.retention_schedule import RetentionSchedule
    from bot.processes.schedules.sync_schedule import SyncSchedule

    settings = bot.settings.load()
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
        is_config_named=library.is_config_named,
    )
    connections = _connect(settings, database)
    places = _tell_places(connections, database)
    observability.log.info("clock_ready", every_seconds=settings.sweep_seconds)
    nights = RetentionSchedule(database, ZoneInfo(agent.settings.load().time_zone), settings.retention_days)
    process.run(
        database,
        jobs,
        every_seconds=settings.sweep_seconds,
        stopping=stopping,
        retention=nights,
        syncs=schedule,
        catch_ups=_schedule_catch_ups(settings, database, jobs),
        places=places,
        reports=_schedule_reports(settings, database, connections) if connections else (),
        rotation=_schedule_rotation(settings, database),
        questions=_schedule_questions(settings, database, jobs, connections) if connections else None,
        people=_schedule_people(settings, database, jobs, connections),
        redis_watch=redis_watch.watch(settings),
    )


def _connect(
    settings: "bot.settings.BotSettings", database: "Database", **options: float
) -> "SlackConnections | None":
    """Returns the clients for Slack, unless nothing connects one."""
    from bot.jobs import slack_connection

    if not settings.slack_bot_token and not settings.has_many_workspaces:
        return None
    return slack_connection.connect(settings, database, **options)


def _tell_places(connections: "SlackConnections | None", database: "Database") -> "QueuePlaces | None":
    """Returns what tells people their place in the queue, unless nothing connects to Slack."""
    from concurrent.futures import ThreadPoolExecutor

    from bot.jobs.slack_connection import ByWorkspace
    from bot.processes.schedules.queue_places import QueuePlaces
    from bot.slack.interactions import notifications
    from bot.slack.interactions.notifications import Notifications

    if connections is None:
        return None
    pool = ThreadPoolExecutor(notifications.THREADS, thread_name_prefix="places")
    return QueuePlaces(
        database, ByWorkspace(lambda workspace: Notifications(connections.open(workspace), pool=pool))
    )


def _schedule_rotation(settings: "bot.settings.BotSettings", database: "Database") -> "RotationSchedule | None":
    """Returns what renews installed workspaces' tokens in time."""
    if not settings.has_many_workspaces:
        return None
    from bot.slack.installation.encryption import open_cipher
    from bot.slack.installation.rotation import Rotation, RotationSchedule

    return RotationSchedule(database, Rotation(database, open_cipher(settings), settings))


def _schedule_catch_ups(
    settings: "bot.settings.BotSettings", database: "Database", jobs: "Queue"
) -> "CatchUpSchedule | None":
    """Returns the searches for missed questions, unless the operator wants none or nothing connects to Slack."""
    from bot.jobs import queue
    from bot.jobs.slack_connection import ForAWhile
    from bot.processes.schedules import catch_up_schedule
    from bot.processes.schedules.catch_up_schedule import CatchUpSchedule, CatchUpStates, Search
    from bot.slack.channels import channel_settings
    from bot.slack.channels.channel_settings import ChannelSettings
    from bot.slack.channels.settings_cache import SettingsCache
    from bot.slack.installation.origin import is_organisation
    from bot.slack.intake.catch_up import CatchUp
    from bot.slack.intake.history import History
    from bot.slack.intake.intake import Intake

    connections = _connect(settings, database, longest_wait_seconds=catch_up_schedule.PLACE_SECONDS)
    if not settings.catch_up_hours or connections is None:
        return None
    defaults = channel_settings.apply(settings.of_channels, ChannelSettings())
    intake = Intake(database, lambda session_id: queue.wake(jobs, [session_id]), settings=SettingsCache(defaults))
    max_age = timedelta(hours=settings.catch_up_hours)

    def open_search(workspace: str) -> Search:
        slack = connections.open(workspace)
        history = History(slack, is_organisation=is_organisation(workspace))
        return CatchUp(slack, intake, history, max_age=max_age, workspace=workspace).run

    states = CatchUpStates(jobs.connection, settings.queue)
    return CatchUpSchedule(database, states, open_search, list_workspaces=ForAWhile(connections.list_names))


def _schedule_reports(
    settings: "bot.settings.BotSettings", database: "Database", connections: "SlackConnections"
) -> "Sequence[ReportSchedule]":
    """Returns what posts the weekly reports, one for each workspace that has a channel for it.

    The vectors that group questions are loaded when a report is due, and stay loaded.
    """
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import agent.settings
    from bot.processes.schedules import report_schedule
    from bot.processes.schedules.report_schedule import ReportSchedule, ReportTime

    zone = ZoneInfo(agent.settings.load().time_zone)
    at = ReportTime(settings.report_weekday, settings.report_hour, zone)

    def make(workspace: str, channel: str) -> ReportSchedule:
        def publish(due: datetime) -> None:
            from bot.record.reports import weekly

            weekly.build(database, connections.open(workspace), workspace=workspace, channel=channel).publish(due)

        name = f"{report_schedule.LOCK}:{workspace}" if workspace else report_schedule.LOCK
        return ReportSchedule(database, at, publish, name=name)

    return [make(workspace, channel) for workspace, channel in settings.list_report_channels().items()]


def _schedule_questions(
    settings: "bot.settings.BotSettings", database: "Database", jobs: "Queue", connections: "SlackConnections"
) -> "QuestionSchedule":
    """Returns what asks the scheduled questions of all workspaces."""
    from zoneinfo import ZoneInfo

    import agent.settings
    from agent.clock import now
    from bot.jobs import queue
    from bot.jobs.slack_connection import ByWorkspace
    from bot.processes.schedules.question_schedule import QuestionSchedule
    from bot.slack.intake.scheduled import rows
    from bot.slack.intake.scheduled.asking import ScheduledAsking
    from bot.slack.intake.scheduled.standing import Standing
    from bot.slack.membership.audience import AudienceResolver
    from bot.slack.membership.directory import SlackDirectory
    from ingest.access.reader_sets import ReaderSets

    zone, reader_sets = ZoneInfo(agent.settings.load().time_zone), ReaderSets()

    def make(workspace: str) -> ScheduledAsking:
        slack = connections.open(workspace)
        audiences = AudienceResolver(SlackDirectory(slack, workspace), reader_sets, database, workspace)
        return ScheduledAsking(
            database,
            slack,
            Standing(database, slack, audiences, zone),
            lambda session_id: queue.wake(jobs, [session_id]),
            command=settings.command,
            workspace=workspace,
        )

    askings = ByWorkspace(make)

    def ask() -> int:
        with database.transaction() as transaction:
            busy = rows.list_workspaces(transaction, now())
        return sum(askings(workspace).run() for workspace in connections.find_names(busy))

    return QuestionSchedule(database, ask)


def _schedule_people(
    settings: "bot.settings.BotSettings",
    database: "Database",
    jobs: "Queue",
    connections: "SlackConnections | None",
) -> "PeopleSchedule":
    """Returns what finishes what people have clicked, in all workspaces; where nothing connects to Slack, it looks
    after the index alone."""
    from bot.jobs import queue
    from bot.jobs.slack_connection import ByWorkspace
    from bot.processes.schedules.people_schedule import PeopleSchedule
    from bot.record.care import unfinished
    from bot.record.care.unfinished import UnfinishedEverywhere

    sync_queue = queue.open_sync_queue(settings, jobs.connection)
    if connections is None:
        return PeopleSchedule(database, sync_queue, None)
    works = ByWorkspace(lambda workspace: unfinished.build(database, connections.open(workspace), workspace))
    everywhere = UnfinishedEverywhere(database, works, connections.find_names)
    return PeopleSchedule(database, sync_queue, everywhere.finish)


def migrate() -> None:
    """Migrate the database to this release. Run it before the new processes start."""
    import agent.settings
    from bot.processes import environment, schema_version

    url = agent.settings.load().database_url
    if url:
        environment.migrate(url.get_secret_value())
    with environment.open_database() as database:
        print(f"The database is at revision {schema_version.read_revision(database)}.")


def _build_context(
    settings: "bot.settings.BotSettings", counted_in: "Path | None", renewer: "Connection"
) -> "WorkerContext":
    """Builds what a worker process answers with, with connections of its own. ``renewer`` renews its leases; what
    happens is ``counted_in`` a folder."""
    import agent.settings
    from agent import observability
    from agent.store.database import Database
    from bot.jobs import queue, slack_connection, wiring
    from bot.jobs.redis_breaker import TIMEOUT_SECONDS, RedisBreaker
    from bot.outages import redis_watch
    from bot.processes.monitoring import exporter, size_watch

    kernel = agent.settings.load()
    observability.set_up(kernel, process="worker")
    exporter.start_counting(counted_in)
    assert kernel.database_url
    database = Database(kernel.database_url.get_secret_value(), statement_timeout_seconds=30)
    many = slack_connection.connect(settings, database) if settings.has_many_workspaces else None
    context = wiring.build(
        kernel,
        database,
        slack=None if many else slack_connection.open_client(settings),
        connections=many,
        turn_queue=queue.open_turn_queue(settings, queue.connect(settings)),
        breaker=RedisBreaker(
            queue.connect(settings, timeout_seconds=TIMEOUT_SECONDS),
            seconds=kernel.breaker_seconds,
            redis_watch=redis_watch.watch(settings),
        ),
        delivery_hours=settings.delivery_hours,
        renewer=renewer,
    )
    size_watch.start(context.library, context.leases.stopping)
    return context
