"""The Home tab: acknowledged before anything is looked up, and never larger than Slack takes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast
from unittest.mock import Mock

import pytest
from slack_bolt import Ack
from sqlalchemy import event, text

from agent.errors import UserError
from agent.store.database import Database
from bot.simulator import ADA, HELP, LINUS, TEAM, FaultRule, Workspace
from bot.slack.channels import channel_settings
from bot.slack.channels.configured import Configured
from bot.slack.client import Payload
from bot.slack.docent_command import table
from bot.slack.docent_command.listener import DocentCommand
from bot.slack.home import channel_editing, channel_form, home_tab, person_view
from bot.slack.home.channel_form import FilledForm, FormChoices, FormSubject
from bot.slack.home.context import HomeContext
from bot.slack.home.listeners import HomeListeners
from bot.slack.intake.scheduled.command import ScheduledCommand
from bot.slack.membership.audience import AudienceResolver
from bot.slack.membership.directory import SlackDirectory
from bot.slack.membership.operators import Operators
from ingest.access import reader_sets
from ingest.access.reader_sets import ReaderSets
from tests.bot.slack.home.conftest import HeldBackground

COMMAND: Payload = {
    "team_id": TEAM,
    "channel_id": HELP,
    "user_id": ADA,
    "command": "/docent",
    "text": "status",
    "trigger_id": "1.2.3",
}
CLICK: Payload = {"team": {"id": TEAM}, "user": {"id": ADA}, "view": {"hash": "1.2"}, "trigger_id": "1.2.3"}


@pytest.fixture
def asked(database: Database) -> Iterator[Counter[str]]:
    """What is asked of Postgres."""
    counts: Counter[str] = Counter()

    def count(*_: object) -> None:
        counts["statements"] += 1

    def commit(_: object) -> None:
        counts["commits"] += 1

    event.listen(database.engine, "before_cursor_execute", count)
    event.listen(database.engine, "commit", commit)
    yield counts
    event.remove(database.engine, "before_cursor_execute", count)
    event.remove(database.engine, "commit", commit)


class AckLog:
    """Notes what had been asked of Postgres, and how many calls Slack had got, when it was acknowledged."""

    def __init__(self, asked: Counter[str], workspace: Workspace) -> None:
        self._asked, self._workspace = asked, workspace
        self.before: list[tuple[int, int]] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, **body: Any) -> None:
        self.before.append((self._asked["commits"], len(self._workspace.calls)))
        self.bodies.append(body)


def test_an_acknowledgement_waits_for_nothing_but_where_a_form_is_stored_for_who_may_and_one_transaction(
    home: HomeContext, background: HeldBackground, asked: Counter[str], workspace: Workspace
) -> None:
    listeners, ack = HomeListeners(home, background), AckLog(asked, workspace)
    command = DocentCommand(background, table.build(home, Mock(spec=ScheduledCommand)))
    listeners.on_opened({"user": ADA, "tab": "home"}, {"team_id": TEAM})
    assert (asked["statements"], len(workspace.calls)) == (0, 0)
    acknowledge = cast(Ack, ack)
    listeners.on_refresh(acknowledge, CLICK)
    listeners.on_sync(acknowledge, CLICK, {"value": "handbook"})
    listeners.on_channel(acknowledge, CLICK, {"selected_conversation": HELP})
    command.on_command(acknowledge, COMMAND)
    assert ack.before == [(0, 0)] * 4
    assert (asked["statements"], len(background.held)) == (0, 5)
    subject = FormSubject(TEAM, HELP, 0, home.clock().timestamp(), True)
    view = channel_form.build(
        subject, {}, FormChoices(Configured(home.models, []), {}, home.settings.defaults), lead="x"
    )
    state = {"values": {"tone": {"tone": {"type": "plain_text_input", "value": "dry"}}}}
    listeners.on_channel_form(acknowledge, {"user": {"id": ADA}}, {**view, "state": state})
    calls = [call.method for call in workspace.calls]
    assert (ack.before[-1], set(calls)) == ((2, len(calls)), {"auth.test", "users.info"})  # known for a minute
    assert ack.bodies[-1]["response_action"] == "update"
    assert home.settings.of_channel(TEAM, HELP).tone == "dry"


def test_a_form_that_cannot_be_stored_stays_open_and_says_so(
    home: HomeContext, background: HeldBackground
) -> None:
    subject = FormSubject(TEAM, HELP, 0, home.clock().timestamp(), True)
    view = channel_form.build(
        subject, {}, FormChoices(Configured(home.models, []), {}, home.settings.defaults), lead="x"
    )
    state = {"values": {"tone": {"tone": {"value": "dry"}}}}
    bodies: list[dict[str, Any]] = []
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    broken = HomeListeners(replace(home, database=away), background)
    broken.on_channel_form(
        cast(Ack, lambda **body: bodies.append(body)), {"user": {"id": ADA}}, {**view, "state": state}
    )
    away.close()
    (body,) = bodies
    assert body["response_action"] == "errors"
    assert set(body["errors"]) == {"tone"}


def test_a_tab_with_too_much_in_it_is_cut_to_what_slack_takes(
    home: HomeContext, workspace: Workspace, database: Database
) -> None:
    long = "<!channel> *really* `long` & " + "x" * 400
    with database.transaction() as transaction:
        everyone = reader_sets.store_readers(transaction, reader_sets.DEFAULT_READERS)
        for n in range(60):
            transaction.execute(
                text("INSERT INTO documents (id, source, uri, url, title, content_hash, access_id, n_chunks, "
                     "problem) VALUES (gen_random_uuid(), :source, 'a', '', 'A', 'h', :access_id, 1, 'broken')"),
                {"source": f"{n} {long}", "access_id": everyone},
            )  # fmt: skip
            transaction.execute(
                text("WITH s AS (INSERT INTO sessions (id, key) VALUES (gen_random_uuid(), :key) RETURNING id), "
                     "t AS (INSERT INTO turns (id, session_id, seq, user_id, channel, workspace, origin, "
                     "question, status, reason, error_id, finished_at, cost_usd) SELECT gen_random_uuid(), id, 1, "
                     ":user, :channel, :team, 'mention', :question, 'completed', 'no_evidence', 'e', now(), 1 "
                     "FROM s RETURNING id) "
                     "INSERT INTO feedback (id, turn_id, user_id, rating, comment) "
                     "SELECT gen_random_uuid(), id, :user, -1, :question FROM t"),
                {"key": f"k{n}", "user": ADA, "channel": HELP, "team": TEAM, "question": long},
            )  # fmt: skip
            transaction.execute(
                text("INSERT INTO budgets (id, scope, subject, period, starts_on, spent_usd) VALUES "
                     "(gen_random_uuid(), 'person', :subject, 'day', current_date, :n)"),
                {"subject": f"{TEAM}:U{n}", "n": n},
            )  # fmt: skip
    home_tab.publish(home, team=TEAM, user_id=ADA)
    view = workspace.person(ADA).home()
    assert view
    assert 20 < len(view["blocks"]) <= 100
    assert "<!channel>" not in str(view)
    assert "… and 40 more" in str(view)
    assert [call.error for call in workspace.calls_of("views.publish")] == [""]


def test_where_slack_does_not_say_what_a_person_may_read_nothing_is_named(
    home: HomeContext, workspace: Workspace, database: Database
) -> None:
    with database.transaction() as transaction:
        everyone = reader_sets.store_readers(transaction, reader_sets.DEFAULT_READERS)
        transaction.execute(
            text("INSERT INTO documents (id, source, uri, url, title, content_hash, access_id, n_chunks) "
                 "VALUES (gen_random_uuid(), 'handbook', 'a', '', 'A', 'h', :access_id, 1)"),
            {"access_id": everyone},
        )  # fmt: skip
    workspace.faults.add(FaultRule("error", "users.info", code="fatal_error"))
    home_tab.publish(home, team=TEAM, user_id=ADA)
    said = str(workspace.person(ADA).home())
    assert person_view.UNKNOWN in said
    assert "handbook" not in said  # nor is she taken for an operator
    workspace.faults.clear()
    home_tab.publish(home, team=TEAM, user_id=ADA)
    assert "*handbook*" in str(workspace.person(ADA).home())


@pytest.mark.parametrize("field", ["allowed_groups", "sources", "experts"])
def test_a_choice_that_would_not_count_is_not_stored(home: HomeContext, database: Database, field: str) -> None:
    """Whom nobody may be, because they are too many, everybody would be."""
    names = [f"S{n:04}" for n in range(60)]
    with database.transaction() as transaction:
        for name in names:
            transaction.execute(
                text("INSERT INTO syncs (id, source, origin, status, options, ended_at) VALUES "
                     "(gen_random_uuid(), :source, 'clock', 'completed', '{}', now())"),
                {"source": name},
            )  # fmt: skip
    block = channel_form.GROUPS if field == "experts" else field
    subject = FormSubject(TEAM, HELP, 0, home.clock().timestamp(), is_operator=True)
    saved = channel_editing.save(home, FilledForm(subject, {block: names}, {}), ADA)
    assert [*saved.errors.values()] == [channel_editing.TOO_MUCH]
    assert channel_editing.save(home, FilledForm(subject, {block: names[:50]}, {}), ADA).version


def test_a_form_is_what_slack_takes_however_much_there_is_to_choose_from(
    home: HomeContext, workspace: Workspace, database: Database
) -> None:
    with database.transaction() as transaction:
        for n in range(120):
            transaction.execute(
                text("INSERT INTO syncs (id, source, origin, status, options, ended_at) VALUES "
                     "(gen_random_uuid(), :source, 'clock', 'completed', '{}', now())"),
                {"source": f"{n:03} {'x' * 90}"},
            )  # fmt: skip
        for field, value in {
            "sources": ["gone", f"{7:03} {'x' * 90}"],
            "instructions": "i" * 2_000,
            "experts": [ADA, "S0GONE"],
            "allowed_groups": ["S0GONE"],
            "model": "openai/gone",
            "budget_day_usd": "3.00",
            "follow_ups": "mention",
        }.items():
            channel_settings.change(
                transaction, team=TEAM, channel=HELP, field=field, value=value, changed_by="terminal"
            )
    for n in range(150):
        workspace.set_group(f"S{n:04}", [ADA])
    trigger = workspace.views.issue_trigger(ADA)
    channel_editing.open_form(home, team=TEAM, channel=HELP, user_id=ADA, trigger_id=trigger)
    (view,) = workspace.person(ADA).modals()
    elements = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert [option["value"] for option in elements["sources"]["initial_options"]] == ["gone", f"{7:03} {'x' * 90}"]
    assert elements["experts_people"]["initial_users"] == [ADA]
    assert elements["experts_groups"]["initial_options"][0]["text"]["text"] == "S0GONE (gone)"
    assert elements["follow_ups"]["initial_option"]["value"] == "mention"
    assert elements["model"]["initial_option"]["value"] == "default"


def test_who_made_a_channel_chooses_among_sources_that_they_may_read(
    home: HomeContext, workspace: Workspace, database: Database
) -> None:
    """In the form and by name, where a source that they may not read looks like one that there is not."""
    workspace.change_user(replace(workspace.directory.users[ADA], is_admin=False))
    directory = SlackDirectory(home.slack)
    home = replace(home, operators=Operators(home.slack, directory, database, creators_edit=True))
    with database.transaction() as transaction:
        for source, readers in {"handbook": {"everyone"}, "layoffs": {"user:U0NOBODY01"}}.items():
            access_id = reader_sets.store_readers(transaction, reader_sets.one_of(readers))
            transaction.execute(
                text("INSERT INTO documents (id, source, uri, url, title, content_hash, access_id, n_chunks) "
                     "VALUES (gen_random_uuid(), :source, 'a', '', 'A', 'h', :access_id, 1)"),
                {"source": source, "access_id": access_id},
            )  # fmt: skip
    channel_editing.open_form(
        home, team=TEAM, channel=HELP, user_id=ADA, trigger_id=workspace.views.issue_trigger(ADA)
    )
    said = str(workspace.person(ADA).modals())
    assert "handbook" in said
    assert "layoffs" not in said
    for name in ("layoffs", "layoff"):
        with pytest.raises(UserError) as refusal:
            channel_editing.set_one(home, team=TEAM, channel=HELP, user_id=ADA, name="sources", written=name)
        assert str(refusal.value) == f"There is no source '{name}'. The sources are: handbook."


@pytest.mark.parametrize(("creators_edit", "error"), [(False, "MAY_NOT"), (True, "MONEY_IS_OPERATORS")])
def test_who_has_lost_the_right_while_a_form_was_open_stores_nothing(
    home: HomeContext, workspace: Workspace, database: Database, creators_edit: bool, error: str
) -> None:
    operators = Operators(home.slack, SlackDirectory(home.slack), database, creators_edit=creators_edit)
    home = replace(home, operators=operators)
    subject = FormSubject(TEAM, HELP, 0, home.clock().timestamp(), is_operator=True)
    form = FilledForm(subject, {"budget_day_usd": "9.00"}, {})
    workspace.change_user(replace(workspace.directory.users[ADA], is_admin=False))
    assert channel_editing.save(home, form, ADA).errors == {"budget_day_usd": getattr(channel_editing, error)}
    workspace.faults.add(FaultRule("error", "users.info", code="fatal_error"))
    assert channel_editing.save(home, form, LINUS).errors == {"budget_day_usd": channel_editing.MAY_NOT}
    with database.transaction() as transaction:
        assert channel_settings.list_channels(transaction) == []


def test_in_an_organisation_the_form_names_the_groups_of_its_workspaces_or_says_that_slack_does_not(
    home: HomeContext, workspace: Workspace, database: Database
) -> None:
    workspace.app.enterprise_id, workspace.app.is_enterprise_install = "E0STANDIN01", True
    directory = SlackDirectory(home.slack, "E0STANDIN01")
    resolver = AudienceResolver(directory, ReaderSets(), database, "E0STANDIN01")
    operators = Operators(home.slack, directory, database, [ADA])
    workspace.set_group("S0HR", [ADA])
    with database.transaction() as transaction:
        channel_settings.change_all(
            transaction, team=TEAM, channel=HELP, changes={"allowed_groups": ["S0HR"]}, changed_by=ADA
        )
    for is_known, label in ((True, "@s0hr"), (False, "S0HR")):
        if not is_known:
            workspace.faults.add(FaultRule("error", "usergroups.list", code="fatal_error"))
            resolver = AudienceResolver(SlackDirectory(home.slack, "E0STANDIN01"), ReaderSets(), database)
        here = replace(home, audiences=resolver, operators=operators)
        trigger = workspace.views.issue_trigger(ADA)
        channel_editing.open_form(here, team=TEAM, channel=HELP, user_id=ADA, trigger_id=trigger)
        view = workspace.person(ADA).modals()[-1]
        (element,) = [b["element"] for b in view["blocks"] if b.get("block_id") == "allowed_groups"]
        assert [option["text"]["text"] for option in element["initial_options"]] == [label]
        assert ("/docent settings allowed-groups S0123" in str(view["blocks"][0])) is not is_known
        workspace.person(ADA).close(view["id"])


def test_people_and_groups_that_are_set_by_name_are_called_as_slack_calls_them(home: HomeContext) -> None:
    said = channel_editing.set_one(
        home, team=TEAM, channel=HELP, user_id=ADA, name="experts", written=f"{LINUS},S0HR"
    )
    assert said == f"experts is <@{LINUS}> <!subteam^S0HR> here now (version 1)."
