"""What people and operators see and do in the Home tab and with /docent, with all processes at work."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import ingest.settings
from bot.simulator import ADA, GENERAL, GRACE, HELP, HR, LINUS, FaultRule
from bot.simulator.payloads import ViewPayload
from bot.slack import listeners
from bot.slack.home import channel_editing, channel_form, home_tab, operator_view, person_view
from bot.slack.home import listeners as home_listeners
from ingest.library import Library
from tests.library import sync_folder
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System, ack_body

ANSWER = "You can carry over 5 days of annual leave [1]."
NOTHING = "[not in the documents]\nThe documents do not say."


@pytest.fixture
def model(world: System) -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say(ANSWER)) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_MODEL_API_BASE": model.base_url,
            "DOCENT_FALLBACK_MODELS": f"openai/other@{model.base_url}",
            "DOCENT_MODEL_PRICES": "openai/scripted=1/1,openai/other=1/1",
        }
        yield model


def read(view: ViewPayload | None) -> str:
    """Every text of a view."""
    return "\n".join(_texts(view["blocks"])) if view else ""


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _texts(one)


def open_home(world: System, user: str, part: str = "") -> str:
    """Opens the tab; returns what it says once it says ``part``."""
    person = world.workspace.person(user)
    n_published = len(world.workspace.calls_of("views.publish"))
    person.open_home()
    world.wait_for(lambda: len(world.workspace.calls_of("views.publish")) > n_published)
    return world.wait_for(lambda: said if part in (said := read(person.home())) else None)


def wait_for_said(world: System, user: str, part: str) -> str:
    """What the person alone sees that says ``part``."""
    return world.wait_for(
        lambda: next((m.plain for m in world.workspace.ephemerals(user) if part in m.plain), None)
    )


def command(world: System, user: str, words: str, part: str, channel: str = HELP) -> str:
    """Types the command; returns what is answered, which says ``part``."""
    assert world.workspace.person(user).command("/docent", words, channel).error == ""
    return wait_for_said(world, user, part)


def modal(world: System, user: str) -> ViewPayload:
    (view,) = world.wait_for(world.workspace.person(user).modals)
    return view


def initial_state(view: ViewPayload) -> dict[str, dict[str, Any]]:
    """What Slack sends of a form in which nothing was changed."""
    state: dict[str, dict[str, Any]] = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        values = {
            "static_select": {"selected_option": element.get("initial_option")},
            "multi_static_select": {"selected_options": element.get("initial_options", [])},
            "multi_users_select": {"selected_users": element.get("initial_users", [])},
            "plain_text_input": {"value": element.get("initial_value")},
        }[element["type"]]
        state[block["block_id"]] = {element["action_id"]: {"type": element["type"], **values}}
    return state


def choose(state: dict[str, dict[str, Any]], view: ViewPayload, block_id: str, *values: str) -> None:
    """Chooses options of a select."""
    element = next(b["element"] for b in view["blocks"] if b.get("block_id") == block_id)
    options = [option for option in element["options"] if option["value"] in values]
    assert len(options) == len(values)
    is_many = element["type"].startswith("multi")
    state[block_id][block_id] |= {"selected_options": options} if is_many else {"selected_option": options[0]}


def add_page(world: System, name: str, text: str, *, reader: str = "everyone") -> None:
    folder = world.folder / f"{name}-pages"
    folder.mkdir()
    (folder / f"{name}.md").write_text(text)
    library = Library(world.database, ingest.settings.IngestSettings(index_uri=world.env["DOCENT_INDEX_URI"]))
    sync_folder(library, str(folder), source_name=name, readers=[reader])


def test_everybody_sees_how_to_ask_what_they_may_read_their_questions_and_their_feedback(
    world: System, model: ScriptedModel
) -> None:
    add_page(world, "salaries", "# Salaries\n\nGrace earns 100 euros.\n", reader=f"user:{GRACE}")
    world.start("web", "worker")
    linus = world.workspace.person(LINUS)
    first = open_home(world, LINUS)
    assert person_view.NO_QUESTIONS in first
    assert person_view.NO_RATINGS in first
    ts = linus.mention(HELP, f"{QUESTION} *really* <!channel>")
    linus.command("/ask", "How long must a password be?", HELP)
    world.wait_for_turns(2)
    (reply,) = world.replies(HELP, ts)
    linus.click(reply.ts, "docent_feedback", "negative")
    form = modal(world, LINUS)
    linus.submit(form["id"], {"comment": {"comment": "It is <6> days"}})
    said = open_home(world, LINUS, "It is &lt;6&gt; days")
    assert "*handbook*  ·  4 documents  ·  synced" in said
    assert "salaries" not in said
    assert "For operators" not in said
    assert f"<https://stand-in.slack.com/archives/{HELP}/p{ts.replace('.', '')}|{QUESTION}" in said
    assert "<!channel>" not in said
    assert "How long must a password be?  ·  answered" in said  # of a command, which has no message to lead to
    assert "answered  ·  👎" in said
    assert "/docent help" in said
    assert "*salaries*  ·  1 document  ·  synced" in open_home(world, GRACE)


def test_operators_see_figures_failures_gaps_and_sources_and_sync_them(
    world: System, model: ScriptedModel
) -> None:
    folder = world.folder / "declared"
    folder.mkdir()
    (folder / "parking.md").write_text("# Parking\n\nPark behind the house.\n")
    config = world.folder / "docent.toml"
    config.write_text(f'[sources.parking]\nlocation = "{folder}"\nevery = "never"\n')
    world.env |= {"DOCENT_CONFIG": str(config), "DOCENT_OPERATORS": GRACE}
    world.start("web", "worker")
    linus = world.workspace.person(LINUS)
    linus.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    model.script = lambda request: Say(NOTHING)
    linus.mention(HELP, "What is the boiling point of tungsten?")
    world.workspace.person(GRACE).mention(HR, "Who is to be dismissed?")
    world.wait_for_turns(3)
    world.query("UPDATE turns SET error_id = 'e4711', reason = 'error', status = 'failed' WHERE id = :id "
                "RETURNING 1", id=world.turns()[0].id)  # fmt: skip
    for operator in (ADA, GRACE):  # an admin of the workspace, and who is named in the settings
        said = open_home(world, operator)
        assert "*Questions, last 7 days*\n3  (0 before)" in said
        assert "*Not in the documents*\n2" in said
        assert "e4711" in said
        assert "boiling point of tungsten" in said
        assert "dismissed" not in said.partition("For operators")[2]
        assert "_and 1 more, or asked in private_" in said
        assert "workspace, today" in said
        assert "$" in said.partition("*Questions and cost a day*")[2]
        assert "*parking*  ·  0 documents" in said
    grace = world.workspace.person(GRACE)
    button = next(
        element["accessory"]
        for element in (grace.home() or {"blocks": []})["blocks"]
        if element.get("accessory", {}).get("value") == "parking"
    )
    grace.click_home(button["action_id"])
    world.wait_for(lambda: home_listeners.REQUESTED.format(name="parking") in read(grace.home()))
    world.wait_for(lambda: world.query("SELECT 1 FROM documents WHERE source = 'parking'"))
    world.wait_for(lambda: world.query("SELECT 1 FROM syncs WHERE source = 'parking' AND status = 'completed'"))
    grace.click_home(operator_view.REFRESH)
    world.wait_for(lambda: "*parking*  ·  1 document\n" in read(grace.home()))
    config.write_text("[sources.parking")
    assert "cannot be read" in open_home(world, GRACE, "⚠️")


def test_a_tab_that_was_published_meanwhile_is_made_anew_and_slack_may_refuse_it(world: System) -> None:
    world.start("web")
    open_home(world, LINUS)
    world.workspace.faults.add(FaultRule("error", "views.publish", times=1, code=home_tab.HASH_CONFLICT))
    n_calls = len(world.workspace.calls_of("views.publish"))
    world.workspace.person(LINUS).open_home()
    conflict, again = world.wait_for(
        lambda: made if len(made := world.workspace.calls_of("views.publish")[n_calls:]) == 2 else None
    )
    assert (conflict.error, again.error) == (home_tab.HASH_CONFLICT, "")
    assert conflict.args["hash"]
    assert "hash" not in again.args
    world.workspace.app.has_home_tab = False
    world.workspace.person(LINUS).open_home()
    world.wait_for(lambda: world.workspace.calls_of("views.publish")[-1].error == home_tab.NOT_ENABLED)
    world.wait_for(lambda: "home_not_enabled" in world.logs())
    assert command(world, LINUS, "help", "What `/docent` does")


def test_what_was_typed_is_answered_although_the_web_process_ends(world: System) -> None:
    """Also what waits, because all threads are at work."""
    world.start("web")
    world.workspace.faults.slow("users.info", seconds=1.0)
    for _ in range(8):
        world.workspace.person(ADA).command("/docent", "status", HELP)
    world.stop("web")
    assert len(world.workspace.ephemerals(ADA)) == 8


def test_an_operator_edits_a_channel_in_a_form_and_it_counts_at_once(world: System, model: ScriptedModel) -> None:
    world.workspace.set_group("S0HR", [GRACE])
    world.start("web", "worker")
    ada, linus = world.workspace.person(ADA), world.workspace.person(LINUS)
    open_home(world, ADA)
    ada.click_home(operator_view.CHANNEL, HELP)
    view = modal(world, ADA)
    state = initial_state(view)
    unchanged = ada.submit(view["id"], state)
    assert channel_editing.NOTHING_CHANGED in json.dumps(ack_body(unchanged))
    ada.close(view["id"])

    ada.command("/docent", "settings", HELP)
    view = modal(world, ADA)
    state = initial_state(view)
    choose(state, view, "ephemeral", "on")
    choose(state, view, "model", "openai/other")
    choose(state, view, "allowed_groups", "S0HR")
    state["experts_people"]["experts_people"]["selected_users"] = [GRACE]
    choose(state, view, "experts_groups", "S0HR")
    state["tone"]["tone"]["value"] = "dry"
    state["budget_day_usd"]["budget_day_usd"]["value"] = "much"
    assert "no amount of dollars" in ack_body(ada.submit(view["id"], state))["errors"]["budget_day_usd"]
    state["budget_day_usd"]["budget_day_usd"]["value"] = "0"
    assert channel_editing.SAVED in json.dumps(ack_body(ada.submit(view["id"], state)))
    (stored,) = world.query("SELECT version, settings, changed_by FROM channel_settings")
    assert stored.settings == {
        "ephemeral": True,
        "model": "openai/other",
        "allowed_groups": ["S0HR"],
        "experts": [GRACE, "S0HR"],
        "tone": "dry",
        "budget_day_usd": "0.00",
    }
    assert (stored.version, stored.changed_by) == (1, ADA)

    ts = linus.mention(HELP, QUESTION)
    assert "only members of certain user groups" in wait_for_said(world, LINUS, "In this channel")
    assert world.wait_for_turns(1)[0].reason == "not_allowed"
    asked = world.workspace.person(GRACE).mention(HELP, QUESTION)
    said = wait_for_said(world, GRACE, "budget")
    assert "This channel's budget for the language model for today is used up" in said
    assert (world.replies(HELP, ts), world.replies(HELP, asked), model.requests) == ([], [], [])
    command(world, ADA, "settings budget-day default", "budget-day is default here now (version 2)")
    world.workspace.person(GRACE).mention(HELP, QUESTION)
    (request,) = world.wait_for(lambda: model.requests)
    assert request["model"] == "other"
    assert '{"tone":"dry"}' in request["messages"][0]["content"]


def test_who_may_edit_a_channel(world: System) -> None:
    """Operators all of it; who created it, where the settings say so, what costs nothing; nobody else."""
    world.env["DOCENT_CHANNEL_EDITORS"] = "creators"
    world.workspace.add_user(replace(world.workspace.directory.users[ADA], is_admin=False))
    world.start("web")
    ada = world.workspace.person(ADA)
    command(world, LINUS, "settings tone dry", "Only the people who operate me")
    command(world, LINUS, "settings", "Only the people who operate me", GENERAL)
    command(world, ADA, "settings tone dry", "tone is “dry” here now (version 1)")  # whose channels these are
    command(world, ADA, "settings budget-day 3", channel_editing.MONEY_IS_OPERATORS)
    ada.command("/docent", "settings", HELP)
    view = modal(world, ADA)
    assert "model" not in initial_state(view)
    state = initial_state(view)
    state["budget_day_usd"] = {"budget_day_usd": {"value": "99"}}  # which the form does not have
    state["tone"]["tone"]["value"] = "warm"
    ada.submit(view["id"], state)
    (latest,) = world.query("SELECT settings FROM channel_settings WHERE version = 2")
    assert latest.settings == {"tone": "warm"}
    assert "Settings of a channel" in json.dumps(world.workspace.person(ADA).home() or open_home(world, ADA))


def test_two_forms_for_one_channel_change_what_each_was_about_and_never_undo_the_other(world: System) -> None:
    world.start("web")
    ada = world.workspace.person(ADA)
    ada.command("/docent", "settings", HELP)
    view = modal(world, ADA)
    state = initial_state(view)
    command(world, ADA, "settings tone dry", "version 1")
    choose(state, view, "cost_line", "on")
    state["tone"]["tone"]["value"] = "warm"
    errors = ack_body(ada.submit(view["id"], state))["errors"]
    assert errors == {"tone": channel_editing.CHANGED_MEANWHILE}
    state["tone"]["tone"]["value"] = None
    ada.submit(view["id"], state)
    (latest,) = world.query("SELECT settings FROM channel_settings WHERE version = 2")
    assert latest.settings == {"tone": "dry", "cost_line": True}


def test_docent_says_in_words_what_the_tab_and_the_form_show(world: System) -> None:
    folder = world.folder / "declared"
    folder.mkdir()
    (world.folder / "docent.toml").write_text(f'[sources.parking]\nlocation = "{folder}"\n')
    world.env["DOCENT_CONFIG"] = str(world.folder / "docent.toml")
    world.start("web", "worker")
    told = {
        "help": "`/docent sync [SOURCE]`",
        "": "*What `/docent` does*",
        "statsu": "Did you mean `/docent status`?",
        "How many days of leave?": "I do not know `/docent How`. \n",
        "sync": home_listeners.ONLY_OPERATORS,
        "settings show": "Nothing is set for this channel",
        "settings history": "Nothing was ever set",
        "settings tone": "takes a text in quotes, or default",
        "settings voice": "It is one of: follow-ups",
        "mute": "Only the people who operate me",
        "mute please": "with the link to a message",
        "status": "*What I can answer from*",
    }
    for words, part in told.items():
        assert command(world, LINUS, words, part.strip())
    command(world, LINUS, "settings tone", "use the command in one", world.workspace.person(LINUS).dm)
    assert "Questions, last 7 days" not in "".join(m.plain for m in world.workspace.ephemerals(LINUS))
    operators = {
        "status": "*Questions, last 7 days*",
        "sync parkin": "Did you mean 'parking'?",
        "sync parking": home_listeners.REQUESTED.format(name="parking"),
        "settings sources handbok": "Did you mean 'handbook'?",
        "settings sources handbook": "sources is handbook here now (version 1)",
        "settings model openai/unknown": "There is no model 'openai/unknown' here",
        "settings experts Ada": "ids of people and user groups",
        "settings history": "sources handbook",
    }
    for words, part in operators.items():
        assert command(world, ADA, words, part)
    world.wait_for(lambda: world.query("SELECT 1 FROM syncs WHERE source = 'parking'"))


def test_a_muted_channel_and_a_muted_thread_stay_quiet_until_they_are_unmuted(world: System) -> None:
    world.start("web", "worker")
    linus = world.workspace.person(LINUS)
    ts = linus.mention(HELP, QUESTION)
    world.wait_for_turns(1)
    link = f"https://stand-in.slack.com/archives/{HELP}/p{world.replies(HELP, ts)[0].ts.replace('.', '')}"
    link += f"?thread_ts={ts}&cid={HELP}"
    command(world, GRACE, f"mute {link}", f"Only <@{LINUS}>", GENERAL)
    command(world, LINUS, f"mute {link}", "I stay quiet in that thread now", GENERAL)
    linus.mention(HELP, "And the next year?", ts)
    wait_for_said(world, LINUS, "I am muted in this thread.")
    command(world, ADA, f"unmute {link}", "I answer in that thread again")
    command(world, ADA, "mute", "muted is on here now")
    linus.mention(HELP, "And the next year?", ts)
    linus.mention(HELP, QUESTION)
    world.wait_for(
        lambda: [m.plain for m in world.workspace.ephemerals(LINUS)].count(listeners.MUTED_CHANNEL) == 2
    )
    assert len(world.turns()) == 1
    linus.command("/ask", QUESTION, HELP)
    world.wait_for_turns(2)
    command(world, ADA, "unmute", "muted is default here now")
    linus.mention(HELP, "How long must a password be?", ts)
    world.wait_for_turns(3)


def test_a_form_that_was_open_for_an_hour_is_to_be_opened_again(world: System) -> None:
    world.start("web")
    ada = world.workspace.person(ADA)
    ada.command("/docent", "settings", HELP)
    view = modal(world, ADA)
    kept = json.loads(view["private_metadata"])
    view["private_metadata"] = json.dumps(kept | {"opened_at": kept["opened_at"] - channel_editing.FORM_SECONDS})
    state = initial_state(view)
    choose(state, view, "cost_line", "on")
    errors = ack_body(ada.submit(view["id"], state))["errors"]
    assert list(errors.values()) == [channel_editing.TOO_OLD]
    assert set(errors) <= set(channel_form.LABELS)
    assert world.query("SELECT 1 FROM channel_settings") == []
