"""Makes a person's Home tab and publishes it: after the acknowledgement, from what is stored at that moment.

Promises that a person's tab names no document, source or question that they may not read. A tab that somebody else
has published meanwhile, such as another process for a second click, is made anew and replaced.
"""

from datetime import timedelta

from agent import observability
from agent.errors import UserError
from agent.store.database import Transaction
from agent.store.tables import BudgetPeriod, BudgetScope
from bot.slack.channels import channel_settings
from bot.slack.client import SlackRefused
from bot.slack.home import figures, freshness, layout, operator_view, own_questions, person_view
from bot.slack.home.context import HomeContext
from bot.slack.home.layout import HomeBlock, HomeView
from bot.slack.home.operator_view import OperatorPage
from bot.slack.home.person_view import PersonPage
from bot.slack.installation import workspace_budgets

HASH_CONFLICT, NOT_ENABLED = "hash_conflict", "not_enabled"


def publish(context: HomeContext, *, team: str, user_id: str, hash_: str = "", notice: str = "") -> None:
    """Publishes the tab; ``hash_`` is that of the one that was seen, ``notice`` what came of a click in it.

    Raises :class:`SlackRefused` and :class:`bot.slack.client.SlackUnavailable`.
    """
    view = make(context, team=team, user_id=user_id, notice=notice)
    try:
        _publish(context, user_id, view, hash_)
    except SlackRefused as error:
        if error.code == NOT_ENABLED:
            observability.log.warning("home_not_enabled", advice="switch the Home tab on: see docent manifest")
            return
        if error.code != HASH_CONFLICT:
            raise
        _publish(context, user_id, make(context, team=team, user_id=user_id, notice=notice), "")


def make(context: HomeContext, *, team: str, user_id: str, notice: str = "") -> HomeView:
    """Makes the tab."""
    blocks = person_view.build(load_person_page(context, team=team, user_id=user_id), context.clock())
    if context.operators.has(user_id):
        page = load_operator_page(context, team=team, notice=notice)
        blocks += [layout.divider(), *operator_view.build(page, context.clock())]
    else:
        blocks += _build_for_editors(context, notice)
    return layout.view(blocks)


def load_person_page(context: HomeContext, *, team: str, user_id: str) -> PersonPage:
    """Loads what a person is shown."""
    audience = context.find_audience(user_id)
    with context.database.transaction() as transaction:
        sources = None if audience is None else freshness.load_readable(transaction, audience)
        questions = own_questions.load_questions(transaction, team=team, user_id=user_id)
        ratings = own_questions.load_ratings(transaction, team=team, user_id=user_id)
    return PersonPage(sources, questions, ratings, context.find_address(), context.command)


def load_operator_page(context: HomeContext, *, team: str, notice: str = "") -> OperatorPage:
    """Loads what operators are shown."""
    at, problem = context.clock(), ""
    since, before = at - timedelta(days=figures.DAYS), at - timedelta(days=2 * figures.DAYS)
    try:
        declared = dict(context.syncs.list_declared())
    except UserError as error:
        declared, problem = {}, str(error)
    with context.database.transaction() as transaction:
        asked = figures.load_asked(transaction, team=team, since=since, until=at)
        earlier = figures.load_asked(transaction, team=team, since=before, until=since)
        days = figures.load_days(transaction, team=team, zone=context.budgets.zone, at=at)
        failures = figures.load_failures(transaction, team=team, since=since)
        select_unanswered = figures.load_unanswered(transaction, team=team, since=since)
        sources = freshness.load_states(transaction, declared, only_declared=bool(context.workspace))
        limits = context.budgets.replace(workspace_budgets.load_of(transaction, team))
        budgets = figures.load_budgets(transaction, limits, team=team, at=at)
        n_channels = _count_channels(transaction, team)
    return OperatorPage(
        asked=asked,
        before=earlier,
        days=days,
        day_limit_usd=limits.limits.get((BudgetScope.WORKSPACE, BudgetPeriod.DAY)),
        failures=failures,
        unanswered=select_unanswered(context.is_public),
        sources=sources,
        budgets=budgets,
        n_channels=n_channels,
        workspace_url=context.find_address(),
        config_problem=problem,
        notice=notice,
    )


def _build_for_editors(context: HomeContext, notice: str) -> list[HomeBlock]:
    """Builds the choice of a channel for those who may have made one."""
    if not context.operators.creators_edit:
        return []
    said: list[HomeBlock] = [layout.section([f"ℹ️ {notice}"])] if notice else []
    return [layout.divider(), *said, *operator_view.build_channel_choice()]


def _count_channels(transaction: Transaction, team: str) -> int:
    return sum(bool(one.stored) for one in channel_settings.list_channels(transaction) if one.team == team)


def _publish(context: HomeContext, user_id: str, view: HomeView, hash_: str) -> None:
    context.slack.call("views.publish", is_repeatable=True, user_id=user_id, view=view, hash=hash_ or None)
