"""Runs the checks, one after another, none longer than its limit; whatever happens in one, the next is run."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import UserError
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from bot.processes import embedded_servers, startup_checks

LIMIT_SECONDS = 8.0  # beyond what the check's own timeouts add up to
INDEX_LIMIT_SECONDS = 25.0  # imports LanceDB; a bucket may be far
MODEL_LIMIT_SECONDS = 40.0  # imports litellm; a model may think

Check = Callable[[], Iterable[Finding]]


def patient(*, may_call: bool | None = None, url: str | None = None) -> CheckContext:
    """The settings as they are, with defaults where they are wrong."""
    kernel = startup_checks.lenient(agent.settings.AgentSettings)
    chat = startup_checks.lenient(bot.settings.BotSettings)
    return CheckContext(
        kernel=kernel,
        bot=chat,
        library=startup_checks.lenient(ingest.settings.IngestSettings),
        may_call=may_call,
        url=url,
        database_url=kernel.database_url.get_secret_value() if kernel.database_url else None,
        redis_url=chat.redis_url.get_secret_value() if chat.redis_url else None,
    )


def foreign_models(who: CheckContext) -> list[str]:
    """The models whose calls cost, or leave this machine."""
    local = agent.settings.EXTRACTIVE_MODEL.partition("/")[0] + "/"
    asked = [who.kernel.model, *(name.partition("@http")[0] for name in who.kernel.fallbacks)]
    is_static = who.library.embedding_model == ingest.settings.STATIC_EMBEDDING_MODEL
    found = [name for name in asked if not name.startswith(local)]
    return list(dict.fromkeys([*found, *([] if is_static else [who.library.embedding_model])]))


def examine(who: CheckContext) -> Iterator[Finding]:
    """Every finding, as it is made. Never raises."""
    from bot.doctor import documents, machine, model, sentry, slack, sources, stores, tools

    with ExitStack() as stack:
        for name, check in (("settings", machine.settings), ("python", machine.python)):
            yield from _within(LIMIT_SECONDS, name, check)
        yield from _within(LIMIT_SECONDS, "home", lambda: machine.home(who.kernel.home))
        yield from _embedded(who, stack)
        stack.callback(lambda: _close(who))
        for name, limit, run in (
            ("database", LIMIT_SECONDS, stores.database),
            ("redis", LIMIT_SECONDS, stores.redis),
            ("workers", LIMIT_SECONDS, stores.workers),
            ("documents", LIMIT_SECONDS, documents.documents),
            ("sources", LIMIT_SECONDS, sources.sources),
            ("index", INDEX_LIMIT_SECONDS, documents.index),
            ("embeddings", MODEL_LIMIT_SECONDS, documents.embeddings),
            ("tools", INDEX_LIMIT_SECONDS, tools.tools),
            ("model", MODEL_LIMIT_SECONDS, model.model),
            ("slack", LIMIT_SECONDS, slack.token),
            ("events", LIMIT_SECONDS, slack.socket),
            ("events", LIMIT_SECONDS, slack.http),
            ("clock", LIMIT_SECONDS, machine.clock),
            ("sentry", LIMIT_SECONDS, sentry.sentry),
        ):
            yield from _within(limit, name, lambda run=run: run(who))  # type: ignore[misc]


def _embedded(who: CheckContext, stack: ExitStack) -> Iterator[Finding]:
    """Starts the embedded servers where they are used; not in a home that never had any."""
    if who.database_url and who.redis_url:
        return
    name = "servers"
    unset = " and ".join(
        n for n, url in (("DATABASE_URL", who.database_url), ("REDIS_URL", who.redis_url)) if not url
    )
    home = who.kernel.home.expanduser().absolute()
    if not (home / "postgres" / "data").exists():
        yield Finding(
            name, "skipped", f"{unset} not set: the embedded servers start, and are set up, with the first command"
        )
        return
    try:
        servers = stack.enter_context(embedded_servers.running(home))
    except (UserError, OSError, ValueError) as error:
        why = str(error) if isinstance(error, UserError) else f"The embedded servers do not start ({error})."
        yield Finding(name, "problem", why, f"Read the logs under {home}.")
        return
    who.database_url = who.database_url or servers.database_url
    who.redis_url = who.redis_url or servers.redis_url
    yield Finding(name, "ok", f"{unset} not set: embedded under {home}; for one machine, not for production")


def _close(who: CheckContext) -> None:
    if who.database:
        who.database.close()
    if who.redis:
        who.redis.close()


def _within(limit_seconds: float, name: str, check: Check) -> Iterator[Finding]:
    """In a thread of its own, which is left alone when its time is over."""
    found: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for finding in check():
                found.put(finding)
        except Exception as error:  # noqa: BLE001  the doctor's own mistakes must not hide the other findings
            found.put(
                Finding(name, "problem", f"could not be checked ({type(error).__name__}: a bug in the doctor)")
            )
        found.put(None)

    threading.Thread(target=run, name=f"check-{name}", daemon=True).start()
    until = time.monotonic() + limit_seconds
    while True:
        try:
            finding = found.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            yield Finding(
                name, "problem", f"gave no result within {limit_seconds:.0f} s", "Check what it waits for."
            )
            return
        if finding is None:
            return
        yield finding
