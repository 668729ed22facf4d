"""The answer as people see it in Slack: tables, the age of sources, and what can be clicked below it."""

import csv
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

import ingest.settings
from bot.simulator import ADA, GRACE, HELP, HR, LINUS, RANDOM, SlackMessage
from bot.slack.channels import channel_settings
from bot.slack.interactions import forms, publication, show_how
from bot.slack.replies.closing import buttons
from bot.slack.replies.text.tables import FIRST_ROWS
from ingest.library import Library
from tests.library import sync_folder
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System

TABLE = "| day | note |\n|---|---|\n" + "".join(f"| {n} |  |\n" for n in range(1, 121))
ANSWER = "You can carry over 5 days of annual leave [1]."


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say(ANSWER)) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_MODEL_PRICES": "openai/scripted=1000/1000",
            "DOCENT_MAX_USD": "100",
            "DOCENT_BUDGET_PERSON_DAY_USD": "none",
            "DOCENT_BUDGET_CHANNEL_DAY_USD": "none",
            "DOCENT_BUDGET_WORKSPACE_DAY_USD": "none",
            "DOCENT_BUDGET_WORKSPACE_MONTH_USD": "none",
        }
        yield model


def add_page(world: System, name: str, text: str, *, reader: str = "everyone") -> None:
    folder = world.folder / f"{name}-pages"
    folder.mkdir()
    (folder / f"{name}.md").write_text(text)
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    sync_folder(library, str(folder), readers=[reader])


def labels(message: SlackMessage) -> list[str]:
    """What the ordinary buttons of a message say."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row if element["type"] == "button"]


def wait_for_ephemeral(world: System, user: str, part: str) -> SlackMessage:
    def find() -> SlackMessage | None:
        return next((m for m in world.workspace.ephemerals(user) if part in m.plain), None)

    return world.wait_for(find)


def submit(world: System, user: str, state: Any) -> dict[str, Any]:
    """Submits the form that the person has open."""
    person = world.workspace.person(user)
    (modal,) = world.wait_for(person.modals)
    body = person.submit(modal["id"], {forms.FIELD: {forms.FIELD: state}}).body
    return body if isinstance(body, dict) else {}


def test_below_an_answer_stand_the_age_of_its_sources_and_what_to_go_on_with(
    world: System, model: ScriptedModel
) -> None:
    """One model call for the answer and none for what is suggested; a click asks as whoever clicked."""
    old = "---\ntitle: Lockers\nupdated: 2019-03-01\n---\n\n## The code\n\nThe locker has the code 4711.\n\n"
    add_page(world, "lockers", f"{old}## Losing the key\n\nAsk the porter for the spare key.\n")
    model.script = lambda request: Say("The locker has the code 4711 [1].")
    with world.database.transaction() as transaction:
        place = {"team": world.workspace.app.team_id, "channel": HELP}
        channel_settings.change(transaction, **place, field="cost_line", value=True, changed_by="operator")
    world.env["DOCENT_OPERATORS"] = LINUS
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HELP, "What is the code of the locker?")
    world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert re.search(r"\*Sources:\*  synced .*\n\[1\] Lockers  ·  ⚠️ \*updated \d+ years ago\*", reply.plain)
    assert "openai/scripted  ·" in reply.plain
    assert labels(reply) == ["Losing the key", "Show how", "Correct this"]  # for operators, and experts
    assert len(model.requests) == 1
    written = [
        call for call in world.workspace.calls if call.method.startswith(("chat.", "assistant.", "agents."))
    ]
    assert len(written) <= 6

    grace = world.workspace.person(GRACE)
    model.script = lambda request: Say("Ask the porter [1].")
    for _ in range(2):  # a second click asks nothing more
        grace.click(reply.ts, f"{buttons.SUGGESTION}_0")
    _, asked = world.wait_for_turns(2)
    assert (asked.user_id, asked.origin) == (GRACE, "thread")
    assert asked.question == "What does “Lockers” say about “Losing the key”?"
    _, answer = world.replies(HELP, ts)
    assert answer.plain.startswith(f"> {asked.question}\n\nAsk the porter")
    assert len(world.turns()) == 2

    for user, part in ((ADA, "code 4711"), (GRACE, show_how.ONLY_ASKER), (LINUS, "openai/scripted")):
        world.workspace.person(user).click(reply.ts, buttons.HOW)
        shown = wait_for_ephemeral(world, user, part)
        assert shown.thread_ts == ts
    assert "0." in shown.plain
    assert "cited" in shown.plain


def list_changes(world: System, channel: str) -> list[Any]:
    """When members of a channel changed, as the app has heard."""
    statement = "SELECT changed_at FROM membership_changes WHERE subject = :subject"
    return world.query(statement, subject=f"channel:{channel}")


def test_show_how_leaves_out_what_its_reader_may_not_read_any_more(world: System) -> None:
    add_page(world, "bonus", "# Bonus\n\nThe bonus of the sales team is 7 percent.\n", reader=f"channel:{HR}")
    world.env["DOCENT_OPERATORS"] = LINUS
    world.start("web", "worker")
    ts = world.workspace.person(ADA).mention(HR, "What is the bonus of the sales team?")
    world.wait_for_turns(1)
    (reply,) = world.replies(HR, ts)
    assert "7 percent" in reply.plain
    world.workspace.person(ADA).click(reply.ts, buttons.HOW)
    assert "7 percent" in wait_for_ephemeral(world, ADA, "How this answer came about").plain
    world.workspace.join(HR, LINUS)
    world.workspace.person(LINUS).click(reply.ts, buttons.HOW)
    assert "7 percent" in wait_for_ephemeral(world, LINUS, "How this answer came about").plain
    joined = world.wait_for(lambda: list_changes(world, HR))
    world.workspace.leave(HR, ADA)
    world.wait_for(lambda: list_changes(world, HR) != joined)
    world.workspace.person(ADA).click(reply.ts, buttons.HOW)
    shown = wait_for_ephemeral(world, ADA, "may not read them")
    assert "7 percent" not in shown.plain
    assert "Bonus" not in shown.plain


def test_an_answer_to_a_command_is_followed_up_and_shared_with_the_channel_once(
    world: System, model: ScriptedModel
) -> None:
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ada.command("/ask", QUESTION, HELP)
    first = wait_for_ephemeral(world, ADA, "5 days")
    assert labels(first)[-3:] == ["Show how", "Ask a follow-up", "Share to channel"]

    ada.click(first.ts, buttons.ASK_ON)
    assert submit(world, ADA, "  ")["response_action"] == "errors"
    model.script = lambda request: Say("On sick leave you tell your manager [1].")
    submit(world, ADA, "And on sick leave?")
    turns = world.wait_for_turns(2)
    assert {turn.session_id for turn in turns} == {turns[0].session_id}
    assert "You can carry over 5 days" in str(
        model.requests[-1]["messages"]
    )  # the model knows what was said before
    second = wait_for_ephemeral(world, ADA, "tell your manager")
    assert first.ts in {message.ts for message in world.workspace.ephemerals(ADA)}
    assert "And on sick leave?" in second.plain

    for _ in range(2):
        ada.click(first.ts, buttons.SHARE)
    wait_for_ephemeral(world, ADA, publication.DONE.format(channel=HELP))
    wait_for_ephemeral(world, ADA, publication.ALREADY.format(channel=HELP))
    (shared,) = [m for m in world.workspace.history(HELP) if m.user == world.workspace.app.bot_user_id]
    assert f"<@{ADA}> asked: *{QUESTION}*" in shared.plain
    assert "5 days" in shared.plain
    assert "Leave" in shared.plain


def test_what_not_everybody_may_read_is_neither_shared_nor_published(world: System) -> None:
    """A refusal names no document. Where all may read it, it is published, with the asker's name."""
    add_page(world, "bonus", "# Bonus\n\nThe bonus of the sales team is 7 percent.\n", reader=f"channel:{HR}")
    world.start("web", "worker")
    ada, question = world.workspace.person(ADA), "What is the bonus of the sales team?"
    ada.command("/ask", question, HELP)
    private = wait_for_ephemeral(world, ADA, "7 percent")
    ada.click(private.ts, buttons.SHARE)
    refused = wait_for_ephemeral(world, ADA, "not everybody there may read")
    assert "Bonus" not in refused.plain

    def publish(user: str, asked: str, n_turns: int, channel: str) -> str:
        """Asks in a direct message and publishes the answer; what is said then in the thread."""
        person = world.workspace.person(user)
        ts = person.write_dm(asked)
        world.wait_for_turns(n_turns)
        (reply,) = world.replies(person.dm, ts)
        assert labels(reply)[-2:] == ["Show how", "Publish to…"]
        person.click(reply.ts, buttons.PUBLISH)
        submit(world, user, {"type": "conversations_select", "selected_conversation": channel})
        return world.wait_for(lambda: world.replies(person.dm, ts)[1:])[0].plain

    assert publish(ADA, question, 2, HELP) == publication.NOT_FOR_ALL.format(channel=HELP)
    assert publish(ADA, question, 3, "C0NOWHERE01") == publication.NOT_KNOWN.format(channel="C0NOWHERE01")
    assert publish(ADA, question, 4, HR) == publication.DONE.format(channel=HR)
    assert publish(LINUS, QUESTION, 5, HR) == publication.NOT_A_MEMBER.format(channel=HR)
    assert "Invite me there first" in publish(ADA, QUESTION, 6, RANDOM)
    assert not any("7 percent" in message.plain for message in world.workspace.history(HELP))
    (published,) = [m for m in world.workspace.history(HR) if m.user == world.workspace.app.bot_user_id]
    assert f"<@{ADA}> asked: *{question}*" in published.plain


def test_a_long_table_is_shown_in_part_and_comes_whole_as_a_file(world: System, model: ScriptedModel) -> None:
    """In the thread, or as a direct message where only the asker sees the answer; without the scope it is said."""
    model.script = lambda request: Say(f"The days [1]:\n\n{TABLE}")
    world.start("web", "worker")
    ada = world.workspace.person(ADA)
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    reply, file = world.wait_for(lambda: replies if len(replies := world.replies(HELP, ts)) == 2 else None)
    assert f"{FIRST_ROWS} of 120 rows are shown" in reply.plain
    assert "in the file below" in reply.plain
    authorization = {"Authorization": f"Bearer {world.workspace.app.bot_token}"}
    request = urllib.request.Request(file.files[0]["url_private"], headers=authorization)
    with urllib.request.urlopen(request, timeout=30) as answer:
        rows = list(csv.reader(answer.read().decode("utf-8-sig").splitlines()))
    assert (len(rows), rows[0], rows[120][0]) == (121, ["day", "note"], "120")

    ada.command("/ask", QUESTION, HELP)
    wait_for_ephemeral(world, ADA, "sent you directly")
    world.wait_for(lambda: any(message.files for message in world.workspace.history(ada.dm)))

    world.workspace.app.scopes.discard("files:write")
    ts = ada.mention(HELP, QUESTION)
    world.wait_for_turns(3)
    (reply,) = world.replies(HELP, ts)
    assert "I could not attach the whole table as a file (Slack says “missing_scope”)" in reply.plain
