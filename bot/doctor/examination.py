"""Runs the checks one after another. A check that fails or exceeds its time limit does not stop the next one."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import agent.settings
import bot.settings
import ingest.settings
from agent.errors import UserError
from agent.llm.model_names import is_local, split_address
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.processes import startup_checks
from bot.processes.embedded import embedded_servers

LIMIT_SECONDS = 8.0  # beyond what the check's own timeouts add up to
INDEX_LIMIT_SECONDS = 25.0  # imports LanceDB; a bucket may be far
MODEL_LIMIT_SECONDS = 40.0  # imports litellm; a model may think

Check = Callable[[], Iterable[Finding]]


def make_context(*, may_call: bool | None = None, url: str | None = None) -> CheckContext:
    """Reads the settings; invalid ones are replaced by their defaults, and reported by a check of their own."""
    kernel = startup_checks.load_leniently(agent.settings.AgentSettings)
    chat = startup_checks.load_leniently(bot.settings.BotSettings)
    return CheckContext(
        kernel=kernel,
        bot=chat,
        library=startup_checks.load_leniently(ingest.settings.IngestSettings),
        may_call=may_call,
        url=url,
        database_url=kernel.database_url.get_secret_value() if kernel.database_url else None,
        redis_url=chat.redis_url.get_secret_value() if chat.redis_url else None,
    )


def external_models(context: CheckContext) -> list[str]:
    """Lists the configured models whose calls cost money or leave this machine."""
    names = [context.kernel.model, *(split_address(name)[0] for name in context.kernel.fallbacks)]
    is_here = context.library.embedding_model in ingest.settings.LOCAL_EMBEDDING_MODELS
    external = [name for name in names if not is_local(name)]
    return list(dict.fromkeys([*external, *([] if is_here else [context.library.embedding_model])]))


def examine(context: CheckContext) -> Iterator[Finding]:
    """Yields every finding as it is made. Never raises."""
    from bot.doctor import (
        deliveries,
        documents,
        index_state,
        machine,
        model,
        sentry,
        slack,
        sources,
        stores,
        tools,
    )
    from bot.doctor import workspaces as installed

    with ExitStack() as stack:
        for name, check in (("settings", machine.settings), ("python", machine.python)):
            yield from _within(LIMIT_SECONDS, name, check)
        yield from _within(LIMIT_SECONDS, "home", lambda: machine.home(context.kernel.home))
        yield from _embedded(context, stack)
        stack.callback(lambda: _close(context))
        for name, limit, run in (
            ("database", LIMIT_SECONDS, stores.database),
            ("redis", LIMIT_SECONDS, stores.redis),
            ("workers", LIMIT_SECONDS, stores.workers),
            ("database", LIMIT_SECONDS, stores.connections),
            ("documents", LIMIT_SECONDS, documents.documents),
            ("sources", LIMIT_SECONDS, sources.sources),
            ("index", INDEX_LIMIT_SECONDS, documents.index),
            ("index", INDEX_LIMIT_SECONDS, index_state.index_state),
            ("embeddings", MODEL_LIMIT_SECONDS, documents.embeddings),
            ("tools", INDEX_LIMIT_SECONDS, tools.tools),
            ("model", MODEL_LIMIT_SECONDS, model.model),
            ("slack", LIMIT_SECONDS, slack.token),
            ("workspaces", INDEX_LIMIT_SECONDS, installed.workspaces),
            ("answers", LIMIT_SECONDS, deliveries.deliveries),
            ("report", LIMIT_SECONDS, slack.report_channel),
            ("home", LIMIT_SECONDS, slack.home_tab),
            ("events", LIMIT_SECONDS, slack.socket),
            ("events", LIMIT_SECONDS, slack.http),
            ("clock", LIMIT_SECONDS, machine.clock),
            ("sentry", LIMIT_SECONDS, sentry.sentry),
        ):
            yield from _within(limit, name, lambda run=run: run(context))  # type: ignore[misc]


def _embedded(context: CheckContext, stack: ExitStack) -> Iterator[Finding]:
    """Starts the embedded servers if they are in use; never sets them up."""
    if context.database_url and context.redis_url:
        return
    name = "servers"
    unset = " and ".join(
        n for n, url in (("DATABASE_URL", context.database_url), ("REDIS_URL", context.redis_url)) if not url
    )
    home = context.kernel.home.expanduser().absolute()
    if not (home / "postgres" / "data").exists():
        yield Finding(
            name, FindingState.SKIPPED, f"{unset} not set: the first command sets up and starts embedded servers"
        )
        return
    try:
        servers = stack.enter_context(embedded_servers.start(home))
    except (UserError, OSError, ValueError) as error:
        why = str(error) if isinstance(error, UserError) else f"The embedded servers did not start ({error})."
        yield Finding(name, FindingState.PROBLEM, why, f"Read the logs under {home}.")
        return
    context.database_url = context.database_url or servers.database_url
    context.redis_url = context.redis_url or servers.redis_url
    yield Finding(
        name,
        FindingState.OK,
        f"{unset} not set: embedded servers under {home}; good for one machine, not for production",
    )


def _close(context: CheckContext) -> None:
    if context.database:
        context.database.close()
    if context.redis:
        context.redis.close()


def _within(limit_seconds: float, name: str, check: Check) -> Iterator[Finding]:
    """Runs a check in a thread of its own, which is abandoned when its time is up."""
    findings: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            for finding in check():
                findings.put(finding)
        except Exception as error:  # noqa: BLE001  a bug in one check must not hide the other findings
            findings.put(
                Finding(
                    name,
                    FindingState.PROBLEM,
                    f"could not be checked ({type(error).__name__}: a bug in the doctor)",
                )
            )
        findings.put(None)

    threading.Thread(target=run, name=f"check-{name}", daemon=True).start()
    until = time.monotonic() + limit_seconds
    while True:
        try:
            finding = findings.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            yield Finding(
                name,
                FindingState.PROBLEM,
                f"finished nothing within {limit_seconds:.0f} s",
                "Check what it is waiting for.",
            )
            return
        if finding is None:
            return
        yield finding
