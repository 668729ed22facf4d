"""The part of the Home tab that operators see: figures, cost and budgets, failures, gaps, sources, settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agent.store.tables import BudgetScope
from agent.text import count, cut, shorten
from bot.slack.home import layout, person_view
from bot.slack.home.figures import (
    CHART_DAYS,
    DAYS,
    AskedFigures,
    DayFigures,
    FailedQuestion,
    UnansweredFigures,
    UsedBudget,
)
from bot.slack.home.freshness import SourceState
from bot.slack.home.layout import ChannelChoice, HomeBlock
from bot.slack.replies.closing import ages
from bot.slack.replies.output_filter import clean_label
from bot.slack.replies.text.markdown import escape
from ingest.sync.store import SyncStatus

SYNC, REFRESH, CHANNEL = "docent_sync_now", "docent_refresh", "docent_channel"
MAX_SOURCES = 25
PROBLEM_CHARS = 200
PERIODS = {"day": "today", "month": "this month"}
RUNNING = frozenset({SyncStatus.QUEUED, SyncStatus.LISTING, SyncStatus.READING})
CHOOSE_CHANNEL = "Settings of a channel…"


@dataclass(frozen=True)
class OperatorPage:
    """What operators are shown. ``before`` are the figures of as many days before; ``n_channels`` have settings of
    their own; ``notice`` says what came of a click."""

    asked: AskedFigures
    before: AskedFigures
    days: Sequence[DayFigures]
    day_limit_usd: Decimal | None
    failures: Sequence[FailedQuestion]
    unanswered: UnansweredFigures
    sources: Sequence[SourceState]
    budgets: Sequence[UsedBudget]
    n_channels: int
    workspace_url: str
    config_problem: str = ""
    notice: str = ""


def build(page: OperatorPage, at: datetime) -> list[HomeBlock]:
    """Builds the blocks."""
    return [
        layout.header("For operators"),
        *([layout.section([f"ℹ️ {page.notice}"])] if page.notice else []),
        build_figures(page.asked, page.before),
        layout.section([_title_chart(page), draw_days(page.days, page.day_limit_usd)]),
        *_build_budgets(page.budgets),
        layout.divider(),
        _build_failures(page.failures, at),
        _build_unanswered(page.unanswered, page.workspace_url),
        layout.divider(),
        layout.section(["*Sources*", *([f"⚠️ {escape(page.config_problem)}"] if page.config_problem else [])]),
        *_build_sources(page.sources, at),
        layout.divider(),
        *build_channel_choice(page.n_channels),
    ]


def build_figures(asked: AskedFigures, before: AskedFigures) -> HomeBlock:
    """Builds the figures, side by side."""
    n_rated = asked.n_up + asked.n_down
    rated = f"{_percent(asked.up_share)} of {count(n_rated, 'rating')}" if n_rated else "no ratings"
    return layout.fields(
        [
            f"*Questions, last {DAYS} days*\n{asked.n_asked:,}  ({before.n_asked:,} before)",
            f"*Answered*\n{_percent(asked.answered_share)}  ({_percent(before.answered_share)} before)",
            f"*Rated 👍*\n{rated}",
            f"*Not in the documents*\n{asked.n_unanswered:,}",
            f"*Half of answers within*\n{_seconds(asked.half_seconds)}",
            f"*95% within*\n{_seconds(asked.most_seconds)}",
            f"*Cost*\n{_dollars(asked.cost_usd)}  ({_dollars(before.cost_usd)} before)",
            f"*Failed*\n{asked.n_failed:,}",
        ]
    )


def draw_days(days: Sequence[DayFigures], limit_usd: Decimal | None) -> str:
    """Draws a bar for each day: dollars, against the budget of a day where there is one, else questions."""
    has_cost = any(day.cost_usd for day in days)
    values = [float(day.cost_usd) if has_cost else float(day.n_asked) for day in days]
    full = float(limit_usd) if has_cost and limit_usd else max(values, default=0.0)
    rows = []
    for day, value in zip(days, values, strict=True):
        cost = f"  {_dollars(day.cost_usd)}" if has_cost else ""
        label = f"{day.day:%a} {day.day.day:>2} {day.day:%b}"
        rows.append((label, value / full if full else 0.0, f"{day.n_asked:>3}{cost}"))
    return layout.picture(rows)


def build_channel_choice(n_channels: int | None = None) -> list[HomeBlock]:
    """Builds the choice of a channel whose settings are to be edited."""
    choice: ChannelChoice = {
        "type": "conversations_select",
        "action_id": CHANNEL,
        "placeholder": {"type": "plain_text", "text": CHOOSE_CHANNEL},
        "filter": {"include": ["public", "private"], "exclude_bot_users": True},
    }
    said = "" if n_channels is None else f"  ·  {count(n_channels, 'channel')} with settings of their own"
    refresh = layout.button(REFRESH, "Refresh", "home")
    return [
        layout.section([f"*Channels*{said}"]),
        {"type": "actions", "elements": [choice, refresh]},
        layout.context("Shown as it is when this tab is opened."),
    ]


def describe_state(source: SourceState, at: datetime) -> str:
    """Returns a source with its last sync and its problems, in Slack's markup."""
    latest = source.latest
    name = f"*{person_view.say_name(source.name)}*"
    problems = f"⚠️ {count(source.n_problems, 'document')} with problems" if source.n_problems else ""
    if latest is None:
        synced = "never synced"
    elif latest.status in RUNNING:
        done = f", {latest.n_done:,} of {latest.n_to_read:,} read" if latest.n_to_read else ""
        synced = f"syncing now ({latest.status}{done})"
    else:
        outcome = "" if latest.status == SyncStatus.COMPLETED else f"⚠️ {latest.status}, "
        synced = f"{outcome}synced {ages.describe_moment(latest.at, at)}"
    every = f"every {source.every}" if source.every not in ("", "never") else "not scheduled"
    head = "  ·  ".join(filter(None, [name, count(source.n_documents, "document"), problems]))
    lines = [head, f"{synced}, {every}"]
    if latest and latest.problem:
        lines.append(f"> {escape(shorten(clean_label(latest.problem), PROBLEM_CHARS))}")
    return "\n".join(lines)


def _title_chart(page: OperatorPage) -> str:
    if not any(day.cost_usd for day in page.days):
        return f"*Questions a day*, last {CHART_DAYS} days"
    of = f" against {_dollars(page.day_limit_usd)} a day" if page.day_limit_usd else ""
    return f"*Questions and cost a day*{of}, last {CHART_DAYS} days"


def _build_budgets(budgets: Sequence[UsedBudget]) -> list[HomeBlock]:
    if not budgets:
        return []
    rows = [
        (_name_budget(one), one.share, f"{_dollars(one.used_usd)} of {_dollars(one.limit_usd)}") for one in budgets
    ]
    return [layout.section(["*Budgets*", layout.picture(rows)])]


def _name_budget(budget: UsedBudget) -> str:
    subject = "" if budget.scope == BudgetScope.WORKSPACE else f" {budget.subject.rpartition(':')[2]}"
    return f"{budget.scope}{subject}, {PERIODS[budget.period]}"


def _build_failures(failures: Sequence[FailedQuestion], at: datetime) -> HomeBlock:
    lines = [_format_failure(one, at) for one in failures]
    return layout.section([f"*Failures*, last {DAYS} days", *(lines or ["None."])])


def _format_failure(failure: FailedQuestion, at: datetime) -> str:
    is_channel = failure.channel and not failure.channel.startswith("D")
    where = f"<#{failure.channel}>" if is_channel else "a direct message"
    id_ = f"error id `{failure.error_id}`" if failure.error_id else ""
    return "  ·  ".join(filter(None, [f"• `{failure.reason}`", id_, where, ages.describe_moment(failure.at, at)]))


def _build_unanswered(unanswered: UnansweredFigures, workspace_url: str) -> HomeBlock:
    lines = [
        f"• {person_view.link(shorten(clean_label(question), person_view.QUESTION_CHARS), place, workspace_url)}"
        for question, place in unanswered.questions
    ]
    if unanswered.n_more:
        others = "more, or asked in private" if lines else "asked in private, or not in a public channel"
        lines.append(f"_and {unanswered.n_more:,} {others}_")
    return layout.section([f"*Questions without an answer*, last {DAYS} days", *(lines or ["None."])])


def _build_sources(sources: Sequence[SourceState], at: datetime) -> list[HomeBlock]:
    shown, n_more = cut(sources, MAX_SOURCES)
    blocks: list[HomeBlock] = []
    for source in shown:
        said = describe_state(source, at)
        is_running = source.latest is not None and source.latest.status in RUNNING
        if source.every and not is_running:
            described = f"Sync {source.name} now"
            button = layout.button(f"{SYNC}_{len(blocks)}", "Sync now", source.name, described=described)
            blocks.append(layout.button_section(said, button))
        else:
            blocks.append(layout.section([said]))
    if n_more:
        blocks.append(layout.context(f"… and {n_more} more: `docent documents` lists all."))
    return blocks or [layout.section(["There are no sources yet: see `docent ingest` and `docent.toml`."])]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.1f} s"


def _dollars(usd: Decimal | None) -> str:
    return "–" if usd is None else f"${usd:,.2f}"
