"""The commands about budgets: ``docent budgets``, which says how they stand, and ``docent budgets set``."""

import getpass
import re
import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import UserError
from bot.output import AsJson
from bot.record.people_command import open_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.record.usage import BudgetStatus

WORKSPACE = re.compile(r"[TE][A-Z0-9]{1,30}")
NAMES = ("person-day", "channel-day", "workspace-day", "workspace-month")
DEFAULT, NONE = "default", "none"
MOST_USD = 100_000

budgets_app = typer.Typer(help="Say what workspaces may spend on models, and set it.", invoke_without_command=True)


@budgets_app.callback()
def budgets(
    context: typer.Context,
    *,
    workspace: Annotated[str | None, typer.Option(help="Only those of this workspace: T0123.")] = None,
    json_: AsJson = False,
) -> None:
    """Show how today's and this month's budgets stand, the most used first.

    For example: docent budgets set T0123 workspace-month 100
    """
    if context.invoked_subcommand:
        return
    from dataclasses import asdict
    from zoneinfo import ZoneInfo

    import agent.settings
    from agent.store.budgets import Budgets
    from bot import output
    from bot.record import usage

    settings = agent.settings.load()
    limits = Budgets.from_settings(settings).limits
    with open_database() as database:
        statuses = usage.budget_statuses(
            database, limits=limits, zone=ZoneInfo(settings.time_zone), workspace=workspace
        )
    if json_:
        output.print_json([asdict(one) for one in statuses])
    else:
        _print(statuses)


@budgets_app.command("set")
def set_(
    workspace: Annotated[str, typer.Argument(help="The workspace's id, T0123, or an organisation's, E0123.")],
    name: Annotated[str, typer.Argument(help=f"Which budget: {', '.join(NAMES)}.")],
    usd: Annotated[str, typer.Argument(metavar="DOLLARS", help="Dollars, or none, or default.")],
) -> None:
    """Set a budget for one workspace, in the place of the operator's. It counts from the next question on.

    \b
    person-day       what each person there may spend in a day
    channel-day      what each channel there may spend in a day
    workspace-day    what all of it may spend in a day
    workspace-month  what all of it may spend in a month
    """
    from bot.slack.installation import workspace_budgets

    if not WORKSPACE.fullmatch(workspace):
        raise UserError(f"'{workspace}' is not the id of a workspace: 'docent workspaces' lists them.")
    if name not in NAMES:
        raise UserError(f"There is no budget '{name}'. It is one of: {', '.join(NAMES)}.")
    scope, _, period = name.partition("-")
    with open_database() as database, database.transaction() as transaction:
        if usd == DEFAULT:
            workspace_budgets.reset(transaction, workspace, scope, period)
        else:
            by = f"{getpass.getuser()} (terminal)"
            workspace_budgets.store(transaction, workspace, scope, period, _parse(usd), changed_by=by)
    said = {DEFAULT: "the operator's again", NONE: "without a limit now"}.get(usd, f"${usd} now")
    sys.stdout.write(f"{workspace}: {name} is {said}.\n")


def _parse(text: str) -> Decimal | None:
    if text == NONE:
        return None
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal(-1)
    if not (usd.is_finite() and 0 <= usd <= MOST_USD):
        raise UserError(f"'{text}' is no amount. Write dollars, from 0 to {MOST_USD}, or {NONE}, or {DEFAULT}.")
    return usd


def _print(statuses: "Sequence[BudgetStatus]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False)
    if not statuses:
        console.print("Nothing was spent today or this month.")
        return
    table = Table(box=None)
    for column in ("of", "id", "per", "spent", "held", "limit", "used"):
        table.add_column(column, justify="right" if column in {"spent", "held", "limit", "used"} else "left")
    for one in statuses:
        share = "" if one.used_share is None else f"{one.used_share:.0%}"
        limit = "none" if one.limit_usd is None else f"${one.limit_usd:,.2f}"
        table.add_row(
            one.scope, one.subject, one.period, f"${one.spent_usd:,.4f}", f"${one.held_usd:,.4f}", limit, share
        )
    console.print(table)
