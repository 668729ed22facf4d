"""Checks each workspace that has installed the app: token, scopes, the release that installed it, sources."""

from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from agent.errors import UserError
from agent.text import count
from bot.doctor import slack
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding, FindingState
from bot.outages import slack as outages
from bot.slack.installation import workspaces as store
from bot.slack.installation.workspaces import InstalledWorkspace
from ingest import source_config

MAX_CALLED = 20  # workspaces whose tokens are tried: a check has seconds


def workspaces(context: CheckContext) -> Iterator[Finding]:
    """Checks every installed workspace, of many the first ones by name."""
    if not context.bot.has_many_workspaces:
        return
    if not context.database:
        yield Finding("workspaces", FindingState.SKIPPED, "no database")
        return
    try:
        with context.database.transaction() as transaction:
            known = store.list_workspaces(transaction)
    except SQLAlchemyError as error:
        yield Finding("workspaces", FindingState.PROBLEM, f"cannot be looked up ({type(error).__name__})")
        return
    if not known:
        text = "No workspace has installed the app yet."
        address = context.bot.slack_redirect_uri.rpartition("/slack/")[0]
        yield Finding("workspaces", FindingState.WARNING, text, f"Open {address}/slack/install in a browser.")
    for workspace in known[:MAX_CALLED]:
        yield from _check_token(context, workspace)
    if len(known) > MAX_CALLED:
        text = f"{count(len(known) - MAX_CALLED, 'more workspace')} not tried"
        yield Finding("workspaces", FindingState.SKIPPED, text)
    yield from _check_settings(context, known)
    yield from _check_sources(context, known)


def _check_token(context: CheckContext, workspace: InstalledWorkspace) -> Iterator[Finding]:
    from bot.slack.installation.encryption import open_cipher

    assert context.database
    try:
        with context.database.transaction() as transaction:
            stored = store.load_tokens(transaction, open_cipher(context.bot), workspace.id)
    except UserError as error:  # a key that is gone
        yield Finding("workspaces", FindingState.PROBLEM, str(error))
        return
    if stored is None:
        return
    try:
        data, headers = slack.call(context, stored[0].bot, "auth.test")
    except slack.NoAnswer as error:
        outage = outages.unreachable(context.bot.slack_api_url, str(error))
        yield Finding("workspaces", FindingState.PROBLEM, outage.text, outage.advice)
        return
    if not data.get("ok"):
        outage = outages.refuse(f"The token of {workspace.title}", str(data.get("error")))
        yield Finding("workspaces", FindingState.PROBLEM, outage.text, "Install the app there anew.")
        return
    until = f", its token is renewed by {stored[1]:%Y-%m-%d %H:%M} UTC" if stored[1] else ""
    release = workspace.release or "an unknown release"
    text = f"{workspace.title}: @{data.get('user')}, installed by {release}{until}"
    yield Finding("workspaces", FindingState.OK, text)
    scopes = slack.check_scopes(headers, of=f" in {workspace.title}")
    if scopes.state is not FindingState.OK:
        yield scopes
    if operators := context.bot.list_operators(workspace.id):
        yield from slack.check_home_tab(context, stored[0].bot, operators, of=f" in {workspace.title}")


def _check_settings(context: CheckContext, known: list[InstalledWorkspace]) -> Iterator[Finding]:
    """Says which operators and channels for reports are in no workspace that has the app."""
    for name, ids in context.bot.list_misplaced([workspace.id for workspace in known]).items():
        text = f"{name} names {', '.join(ids)}, in no workspace that has installed the app: it counts nowhere."
        advice = "Write the workspace before the id, T0123/U0123; 'docent workspaces' lists those that there are."
        yield Finding("workspaces", FindingState.WARNING, text, advice)


def _check_sources(context: CheckContext, known: list[InstalledWorkspace]) -> Iterator[Finding]:
    """Says which sources nobody reads because they name no workspace, and which workspaces have none."""
    try:
        tables = source_config.sources(context.library.config)
    except UserError:  # said where sources are checked
        return
    served = {name: set(source_config.list_workspaces(table)) for name, table in tables.items()}
    for name in sorted(name for name, ids in served.items() if not ids):
        text = f"'{name}' names no workspace, so nobody in Slack reads it: many have installed the app."
        advice = f'Say where it is read, in [sources.{name}]: workspaces = ["T0123"], or "all".'
        yield Finding("workspaces", FindingState.PROBLEM, text, advice)
    everywhere = set().union(*served.values())
    for workspace in known:
        if everywhere.isdisjoint({workspace.id, "*"}):
            text = f"No source is declared for {workspace.title}: nothing can be answered there."
            advice = f'Add it to a source in {context.library.config}: workspaces = ["{workspace.id}"].'
            yield Finding("workspaces", FindingState.WARNING, text, advice)
