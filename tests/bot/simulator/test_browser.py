"""The page in a real browser, as a person uses it. Any console error, and any request elsewhere, fails a test."""

import json
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect, sync_playwright

from bot.simulator import (
    ADA,
    GENERAL,
    GRACE,
    GUEST,
    HELP,
    LINUS,
    RANDOM,
    VISITORS,
    ApiCall,
    InstalledApp,
    PageContent,
    Workspace,
    WorkspaceServer,
)
from tests.bot.simulator.assistant import Assistant, answering
from tests.bot.simulator.conftest import Served, serving

# The shell opens a page for a fifth of what a whole browser needs.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
PATIENCE_MS = 60_000
QUESTION = "How many days can I carry over?"
EXAMPLES = (QUESTION, "Who approves parental leave?")
TURN = {
    "id": "01a",
    "question": "why?",
    "status": "completed",
    "reason": "answered",
    "origin": "mention",
    "user_id": ADA,
    "answer": "Because **so**.",
    "error_id": None,
    "attempt": 2,
    "cost_usd": 0.0123,
    "n_steps": 1,
    "prompt_tokens": 900,
    "cached_tokens": 100,
    "completion_tokens": 100,
    "model": "openai/gpt",
    "release": "docent@1",
    "index_version": "6",
    "embedding_model": "static",
    "created_at": "2026-01-01T10:00:00.000+00:00",
    "finished_at": "2026-01-01T10:00:02.500+00:00",
    "tool_calls": [
        {
            "position": -1,
            "call_id": "opening_0",
            "name": "search_docs",
            "arguments": {"query": "carry over"},
            "result": {"passages": [{"n": 1, "text": "Five days."}]},
            "is_error": False,
            "duration_ms": 120,
        }
    ],
    "model_calls": [
        {
            "position": 1,
            "attempt": 1,
            "purpose": "step",
            "model": "openai/gpt",
            "status": "completed",
            "params": {},
            "prompt_tokens": 900,
            "completion_tokens": 100,
            "cost_usd": 0.0123,
            "latency_ms": 2000,
            "first_token_ms": 300,
            "n_tries": 1,
            "finish_reason": "stop",
            "error": None,
            "request": {"messages": ["hello"]},
            "response": {"id": "r1"},
        }
    ],
    "sources": [
        {
            "n": 1,
            "title": "Leave",
            "url": "https://h.example/l",
            "heading_path": "",
            "score": 0.79,
            "is_cited": True,
        }
    ],
    "feedback": [{"user_id": ADA, "rating": -1, "comment": "too short"}],
    "replies": [],
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


Open = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Served], Open]]:
    """Opens pages, and looks at the end that none complained or asked anybody else."""
    contexts, complaints = [], []

    def visiting(slack: Served) -> Open:
        def opened(user: str = ADA, channel: str = HELP, viewport: Any = WIDE, **options: Any) -> Page:
            context = browser.new_context(viewport=viewport, locale="en-GB", reduced_motion="reduce", **options)
            contexts.append(context)
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda r: None if r.url.startswith(slack.server.url) else complaints.append(r.url))
            page.goto(f"{slack.server.url}/#{user}/{channel}")
            expect(page.locator("main h1")).not_to_be_empty()
            return page

        return opened

    expect.set_options(timeout=PATIENCE_MS)
    yield visiting
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def office() -> Iterator[tuple[Served, Assistant]]:
    told = iter([{**TURN, "status": "running", "reason": None, "finished_at": None, "model_calls": []}])
    story = lambda about: [next(told, TURN)]  # noqa: E731 - still running when it is first looked at
    with serving(content=PageContent(story, EXAMPLES)) as slack, answering(slack) as assistant:
        yield slack, assistant


Visit = Callable[[Served], Open]
Office = tuple[Served, Assistant]


def composer(page: Page, pane: str = "main.channel") -> Any:
    return page.locator(f"{pane} .composer textarea")


def note_addresses(addresses: list[str]) -> Callable[[Request], None]:
    """What adds the address of each request of a page to a list."""
    return lambda request: addresses.append(request.url)


def ask(page: Page, text: str = QUESTION) -> Any:
    """Mentions the app as a person does, and gives the thread that opens."""
    composer(page).click()
    page.keyboard.type("@do")
    expect(page.get_by_role("option", name="Docent")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread.get_by_text(text)).to_be_visible()
    return thread


def test_a_question_is_asked_and_its_answer_grows(office: Office, visit: Visit) -> None:
    slack, assistant = office
    page = visit(slack)()
    thread = ask(page, "Is a < b & c?\tHow many days?".replace("\t", " "))
    [root] = slack.workspace.thread(HELP, slack.workspace.history(HELP)[0].ts)
    assert root.text == f"<@{slack.workspace.app.bot_user_id}> Is a &lt; b &amp; c? How many days?"
    expect(thread.get_by_role("status")).to_contain_text("Docent is searching the documents…")

    assistant.go.release()
    task = thread.locator(".task")
    expect(task).to_have_attribute("data-status", "in_progress")
    expect(task).to_contain_text("annual leave")
    expect(thread.get_by_role("button", name="Stop")).to_be_visible()
    thread.locator(".row").last.evaluate("row => row.isTheSame = true")

    assistant.go.release()
    expect(thread.locator(".live")).to_have_text("You can carry over five days")
    expect(thread.locator(".live strong")).to_have_text("five days")
    expect(task).to_have_attribute("data-status", "complete")
    task.locator("summary").click()
    link = task.get_by_role("link", name="Annual leave")
    assert link.get_attribute("href") == "https://handbook.example/leave"
    assert link.get_attribute("rel") == "noopener noreferrer"

    assistant.go.release()
    expect(thread.locator(".live td").first).to_have_text("Leave")
    expect(task.locator("details")).to_have_attribute("open", "")  # what a person opened stays open
    assistant.go.release()
    expect(thread.locator(".live")).to_have_count(0)
    assert thread.locator(".row").last.evaluate("row => row.isTheSame")
    expect(thread.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator("main .replies")).to_contain_text("1 reply")

    good = thread.get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    slack.workspace.wait_for(lambda: [d for d in slack.workspace.deliveries if d.event_type == "block_actions"])

    composer(page, ".thread").fill("@docent and next year?")
    page.keyboard.press("Enter")
    expect(thread.get_by_text("and next year?")).to_be_visible()
    for _ in range(4):
        assistant.go.release()
    expect(page.locator("main .replies")).to_contain_text("3 replies")
    page.keyboard.press("Escape")
    expect(thread).to_be_hidden()
    page.reload()
    page.locator("main .replies").click()
    expect(good.first).to_have_attribute("aria-pressed", "true")


def test_messages_are_asked_about_and_a_menu_below_an_answer_opens(visit: Visit) -> None:
    menu = {
        "type": "actions",
        "elements": [
            {
                "type": "overflow",
                "action_id": "who",
                "options": [{"text": {"type": "plain_text", "text": "Mute"}, "value": "muted"}],
            }
        ],
    }
    content = PageContent(shortcuts={"ask": "Ask about this"}, emoji=["question"])
    with serving(content=content) as slack:
        ts = slack.workspace.person(GRACE).say(HELP, "How many days?")
        slack.workspace.person(ADA).forward(ts, HELP, "See this")
        slack.client.chat_postMessage(channel=HELP, text="Five.", blocks=[menu])
        page = visit(slack)()
        row = page.locator(f'main [data-ts="{ts}"]')
        row.hover()
        row.get_by_role("button", name="React with :question:").click()
        expect(row.locator(".reaction")).to_contain_text("1")
        row.locator(".reaction").click()
        expect(row.locator(".reaction")).to_have_count(0)
        expect(page.locator(".forwarded")).to_contain_text("Grace Okafor")
        page.get_by_label("More").click()
        page.get_by_role("menuitem", name="Mute").click()
        expect(page.get_by_role("menuitem", name="Mute")).to_be_hidden()
        row.hover()
        row.get_by_role("button", name="Ask about this").click()
        told = slack.workspace.wait_for(
            lambda: [d.event_type for d in slack.workspace.deliveries if d.kind == "interactive"][1:]
        )
        assert told == ["message_action"]
        page.close()  # before the server that it asks


def test_a_command_answers_the_asker_only(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    composer(page).click()
    page.keyboard.type("/a")
    page.keyboard.press("Tab")
    expect(composer(page)).to_have_value("/ask ")
    page.keyboard.type("what is it?")
    page.keyboard.press("Enter")
    answer = page.locator(".row.ephemeral").filter(has_text="You asked: what is it?")
    expect(answer).to_contain_text("Only visible to you")
    answer.get_by_role("button", name="Ask again").click()
    slack.workspace.wait_for(lambda: [d for d in slack.workspace.deliveries if d.event_type == "block_actions"])
    expect(page.locator(".turn summary").first).to_contain_text("why?")  # the story of the command

    composer(page).fill("/fly away")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("There is no command /fly")
    expect(composer(page)).to_have_value("/fly away")
    grace = visit(slack)(GRACE)
    expect(grace.locator("main h1")).to_have_text("help")
    expect(grace.locator(".row.ephemeral")).to_have_count(0)


def test_a_modal_is_filled_in_until_the_app_takes_it(office: Office, visit: Visit) -> None:
    slack, assistant = office
    page = visit(slack)()
    for _ in range(4):
        assistant.go.release()
    thread = ask(page)
    bad = thread.get_by_role("button", name="Bad answer")
    bad.click()
    dialog = page.get_by_role("dialog", name="What was wrong?")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_text("Please fill this in.")).to_have_count(2)
    dialog.get_by_label("Out of date").check()
    comment = dialog.get_by_label("Comment")
    comment.fill("short")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_text("Please say a little more.")).to_be_visible()
    expect(comment).to_have_attribute("aria-invalid", "true")
    expect(comment).to_be_focused()
    expect(comment).to_have_value("short")
    comment.fill("It names the year before last.")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog).to_be_hidden()
    [values] = assistant.submitted
    assert values["comment"]["text"]["value"] == "It names the year before last."
    assert values["why"]["kind"]["selected_option"]["value"] == "old"
    expect(bad).to_have_attribute("aria-pressed", "true")

    bad.click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    slack.workspace.wait_for(lambda: slack.workspace.person(ADA).modals() == [])


def test_the_home_tab_is_shown_and_clicked_and_a_form_of_many_kinds_is_filled_in(
    office: Office, visit: Visit
) -> None:
    slack, assistant = office
    page = visit(slack)()
    page.get_by_role("navigation").get_by_role("button", name="Docent").click()
    page.get_by_role("tab", name="Home").click()
    home = page.get_by_role("tabpanel", name="Home")
    expect(home).to_contain_text("The app has published nothing here yet.")
    again = {"type": "button", "action_id": "again", "text": plain("Sync now"), "value": "7"}
    where = {"type": "conversations_select", "action_id": "again", "placeholder": plain("Settings of…")}
    slack.client.views_publish(
        user_id=ADA,
        view={
            "type": "home",
            "blocks": [
                {"type": "header", "text": plain("For operators")},
                {"type": "section", "fields": [{"type": "mrkdwn", "text": f"*Figure {n}*"} for n in range(4)]},
                {"type": "divider"},
                {"type": "section", "text": {"type": "mrkdwn", "text": "*handbook*"}, "accessory": again},
                {"type": "actions", "elements": [where]},
            ],
        },
    )
    expect(home.get_by_role("heading", name="For operators")).to_be_visible()
    expect(home.get_by_text("Figure 3")).to_be_visible()
    home.get_by_role("button", name="Sync now").click()
    home.get_by_label("Settings of…").select_option(label="#help")
    slack.workspace.wait_for(
        lambda: sum(d.is_acked and d.event_type == "block_actions" for d in slack.workspace.deliveries) == 2
    )
    options = [{"text": plain(name), "value": name} for name in ("one", "two", "three")]
    elements: dict[str, Any] = {
        "one_of": {"type": "static_select", "options": options, "initial_option": options[1]},
        "many": {"type": "multi_static_select", "options": options, "initial_options": options[:1]},
        "ticked": {"type": "checkboxes", "options": [{"text": plain("four"), "value": "4"}]},
        "people": {"type": "multi_users_select", "initial_users": [GRACE]},
        "comment": {"type": "plain_text_input", "initial_value": "It stands here already."},
    }
    inputs = [
        {"type": "input", "block_id": name, "label": plain(name), "optional": True, "hint": plain(f"About {name}"),
         "element": {**element, "action_id": "text"}}
        for name, element in elements.items()
    ]  # fmt: skip
    modal = {"type": "modal", "callback_id": "comment", "title": plain("Settings"), "submit": plain("Save")}
    trigger = slack.workspace.views.issue_trigger(ADA)
    slack.client.views_open(trigger_id=trigger, view={**modal, "blocks": inputs})
    dialog = page.get_by_role("dialog", name="Settings")
    expect(dialog.get_by_text("About many")).to_be_visible()
    for name in ("three", "four"):
        dialog.get_by_role("checkbox", name=name).check()
    dialog.get_by_label("Linus Berg").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    [values] = assistant.submitted
    assert values["one_of"]["text"]["selected_option"]["value"] == "two"
    assert [option["value"] for option in values["many"]["text"]["selected_options"]] == ["one", "three"]
    assert [option["value"] for option in values["ticked"]["text"]["selected_options"]] == ["4"]
    assert values["people"]["text"]["selected_users"] == [GRACE, LINUS]
    assert values["comment"]["text"]["value"] == "It stands here already."
    page.get_by_role("tab", name="Messages").click()
    expect(composer(page)).to_be_visible()


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def test_stop_ends_an_answer(office: Office, visit: Visit) -> None:
    slack, assistant = office
    thread = ask(visit(slack)())
    for _ in range(2):
        assistant.go.release()
    expect(thread.locator(".live")).to_contain_text("five days")
    thread.get_by_role("button", name="Stop").click()
    expect(thread.get_by_text("Stopped.")).to_be_visible()
    assistant.go.release()
    assert assistant.stopped.wait(PATIENCE_MS / 1000)
    expect(thread.get_by_role("button", name="Stop")).to_have_count(0)


def test_people_see_their_own_channels_and_messages(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    places = page.get_by_role("navigation")
    expect(places.get_by_role("button", name="hr")).to_be_visible()
    page.get_by_label("You act as").select_option(label="Gus Visitor")
    expect(places.get_by_role("button", name="hr")).to_have_count(0)
    composer(page).fill("hello from gus")
    page.keyboard.press("Enter")
    slack.workspace.wait_for(lambda: [m for m in slack.workspace.history(VISITORS) if m.user == GUEST])
    ada = visit(slack)(ADA, GENERAL)
    ada.get_by_role("navigation").get_by_role("button", name="visitors").click()
    expect(ada.get_by_text("hello from gus")).to_be_visible()
    ada.reload()
    expect(ada.get_by_label("You act as")).to_have_value(ADA)
    expect(ada.get_by_text("hello from gus")).to_be_visible()


def test_direct_messages_start_with_suggested_prompts(office: Office, visit: Visit) -> None:
    slack, assistant = office
    page = visit(slack)(LINUS)
    page.get_by_role("navigation").get_by_role("button", name="Docent").click()
    page.get_by_role("group", name="Suggested questions").get_by_role("button", name="Annual leave").click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread.get_by_text("How much leave do I have?")).to_be_visible()
    for _ in range(4):
        assistant.go.release()
    expect(thread.get_by_role("button", name="Good answer")).to_be_visible()
    assert slack.workspace.history(slack.workspace.person(ADA).dm) == []


def test_everything_is_done_with_the_keyboard(office: Office, visit: Visit) -> None:
    slack, assistant = office
    page = visit(slack)(ADA, GENERAL)
    page.get_by_role("navigation").get_by_role("button", name="help").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text("help")
    composer(page).focus()
    page.keyboard.type("@g")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(composer(page)).to_have_value("@Gus Visitor ")
    page.keyboard.type("@do")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)
    page.keyboard.type("cent hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Thread")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()
    for _ in range(4):
        assistant.go.release()
    expect(page.locator("main .replies")).to_contain_text("1 reply")
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Shift+Tab")  # each message is one stop, and arrows go on inside it
    expect(page.locator("main .row").last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("main .replies")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("main .row").last).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Thread")).to_be_visible()
    expect(composer(page, ".thread")).to_be_focused()


def test_one_tab_stop_is_one_message_however_much_is_in_it(office: Office, visit: Visit) -> None:
    slack, _ = office
    ada = slack.workspace.person(ADA)
    for n in range(3):
        ada.say(HELP, f"{n}: <https://a.example|one> <https://b.example|two> `code`")
    page = visit(slack)()
    expect(page.locator("main .row")).to_have_count(3)
    expect(composer(page)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("main .row").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("main .row").nth(1).get_by_role("link", name="one")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("main .row").nth(1).get_by_role("link", name="two")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("main .row").nth(2)).to_be_focused()


def test_the_first_tab_stop_leads_to_writing(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    skip = page.get_by_role("button", name="Skip to writing")
    skip.focus()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(composer(page)).to_be_focused()
    assert page.evaluate("document.querySelector('button') === document.querySelector('.skip')")


def test_whoever_switches_goes_on_by_writing(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    expect(composer(page)).to_be_focused()
    page.get_by_role("navigation").get_by_role("button", name="general").click()
    expect(page.locator("main h1")).to_have_text("general")
    expect(composer(page)).to_be_focused()
    page.get_by_label("You act as").select_option(label="Gus Visitor")
    expect(page.get_by_label("You act as")).to_have_value(GUEST)
    expect(composer(page)).to_be_focused()


def test_a_suggestion_is_sent_by_its_click(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    page.get_by_role("button", name=QUESTION).click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread.get_by_text(QUESTION)).to_be_visible()
    (message,) = [m for m in slack.workspace.history(HELP) if m.user == ADA]
    assert message.text == f"<@{slack.workspace.app.bot_user_id}> {QUESTION}"


def test_a_mention_where_the_app_is_not_offers_to_invite_it(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)(ADA, RANDOM)
    expect(page.get_by_text("To bring it in: /invite @Docent")).to_be_visible()
    composer(page).fill("@Docent how many days?")
    page.keyboard.press("Enter")
    offer = page.locator(".row.ephemeral").filter(has_text="You mentioned Docent, which is not in this channel.")
    expect(offer).to_be_visible()
    expect(page.get_by_role("complementary", name="Thread")).to_be_hidden()
    offer.get_by_role("button", name="Invite Docent").click()
    expect(offer).to_have_count(0)
    expect(page.get_by_text("Docent is now in #random.")).to_be_visible()
    ask(page)
    slack.workspace.wait_for(lambda: [d for d in slack.workspace.deliveries if d.event_type == "app_mention"])


def test_the_app_is_invited_by_a_command(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)(ADA, RANDOM)
    composer(page).fill("/invite @nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is nobody called @nobody.")).to_be_visible()
    composer(page).fill("/invite @Docent")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Docent is now in #random.")).to_be_visible()
    assert slack.workspace.app.bot_user_id in slack.workspace.directory.find_channel(RANDOM).members


def test_a_tab_keeps_its_own_person(office: Office, visit: Visit) -> None:
    slack, _ = office
    first = visit(slack)()
    second = first.context.new_page()
    second.goto(f"{slack.server.url}/#{GRACE}/{GENERAL}")
    expect(second.get_by_label("You act as")).to_have_value(GRACE)
    second.get_by_label("You act as").select_option(label="Gus Visitor")
    expect(second.get_by_label("You act as")).to_have_value(GUEST)
    first.get_by_role("navigation").get_by_role("button", name="general").click()
    for page, person in ((second, GUEST), (first, ADA)):
        page.goto("about:blank")
        page.goto(slack.server.url)  # without saying who
        expect(page.get_by_label("You act as")).to_have_value(person)


def test_the_steps_of_an_answer_that_was_replaced_are_drawn(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": "annual leave"}]}
    card = {"type": "task_card", "task_id": "1", "title": "Searched", "status": "complete"}
    slack.client.chat_postMessage(
        channel=HELP, text="x", blocks=[{**card, "details": {"type": "rich_text", "elements": [line]}}]
    )
    task = page.locator(".task")
    expect(task).to_have_attribute("data-status", "complete")
    task.locator("summary").click()
    expect(task.get_by_text("annual leave")).to_be_visible()


SELECT = {"type": "static_select", "action_id": "s", "placeholder": {"type": "plain_text", "text": "Which"}}
UNHEARD_OF: list[dict[str, Any]] = [
    {"blocks": [{"type": "actions", "elements": [{**SELECT, "option_groups": [{"label": "alone"}]}]}]},
    {"blocks": [{"type": "carousel", "elements": [None]}]},
    {"blocks": [{"type": "task_card", "task_id": "1", "title": "t", "status": "complete", "sources": "abc"}]},
    {"blocks": [{"type": "container", "child_blocks": "abc"}]},
    {"blocks": [{"type": "card", "title": 7, "actions": [None, {"type": "constructor"}]}]},
    {"attachments": [{"blocks": "abc", "text": 5, "title": {}}]},
]
UNDRAWABLE = ({"type": "section", "text": {"type": "mrkdwn", "text": {"toString": 1}}},)


def test_no_message_stops_the_page(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    for given in UNHEARD_OF:
        slack.client.chat_postMessage(channel=HELP, text="x", **given)
    rows = page.locator("main .row")
    expect(rows).to_have_count(len(UNHEARD_OF))
    expect(page.get_by_text("This message cannot be shown.")).to_have_count(0)
    ts = str(slack.client.chat_postMessage(channel=HELP, text="x")["ts"])
    with slack.workspace.lock:
        slack.workspace.messenger.update(slack.workspace.message(ts), blocks=UNDRAWABLE)
    expect(rows.last).to_contain_text("This message cannot be shown.")
    slack.workspace.person(GRACE).say(HELP, "life goes on")
    expect(rows.last).to_contain_text("life goes on")
    expect(page.get_by_text("The workspace has stopped.")).to_be_hidden()
    slack.client.chat_update(channel=HELP, ts=ts, text="mended", blocks=[])
    expect(page.get_by_text("mended")).to_be_visible()
    expect(page.get_by_text("This message cannot be shown.")).to_have_count(0)
    expect(rows).to_have_count(len(UNHEARD_OF) + 2)


def test_a_mistake_of_the_page_is_not_told_as_a_stopped_workspace(browser: Browser) -> None:
    with serving(InstalledApp(subscriptions=())) as slack:
        page = browser.new_page(viewport=WIDE)
        page.set_default_timeout(PATIENCE_MS)
        mistakes: list[str] = []
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        broken = (
            "export class Modal { node = document.createElement('i'); draw() { throw new Error('a mistake'); } }"
        )
        page.route("**/page/modal.js", lambda route: route.fulfill(body=broken, content_type="text/javascript"))
        page.goto(f"{slack.server.url}/#{ADA}/{HELP}")
        for said in ("one", "two"):
            slack.workspace.person(GRACE).say(HELP, said)
            expect(page.locator("main .row").last).to_contain_text(said)
        expect(page.get_by_text("The workspace has stopped.")).to_be_hidden()
        assert set(mistakes) == {"a mistake"}
        page.close()


def test_a_hidden_page_holds_no_connection(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    hide = """isHidden => {
        Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    for text in ("first", "second"):
        while not slack.workspace.changes.watchers:
            page.wait_for_timeout(20)
        with page.expect_event("requestfailed", lambda request: "/_control/changes" in request.url):
            page.evaluate(hide, True)
        polls: list[str] = []
        page.on("request", note_addresses(polls))
        slack.workspace.person(GRACE).say(HELP, text)
        page.wait_for_timeout(300)
        assert not [url for url in polls if "/_control/changes" in url]
        page.evaluate(hide, False)
        expect(page.get_by_text(text)).to_be_visible()


def focused(page: Page, inside: str) -> None:
    page.wait_for_function("inside => document.activeElement?.closest(inside)", arg=inside)


def test_what_is_covered_cannot_be_focused(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)(viewport=NARROW)
    menu = page.get_by_role("button", name="Channels")
    for leave in ("Escape", "veil", "choose"):
        menu.click()
        focused(page, ".sidebar [aria-current]")
        for _ in range(12):  # all round the page and no further
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('nav')"
            )
        if leave == "Escape":
            page.keyboard.press("Escape")
        elif leave == "veil":
            page.mouse.click(NARROW["width"] - 5, 400)
        else:
            page.get_by_role("navigation").get_by_role("button", name="general").click()
        expect(page.get_by_role("navigation")).to_be_hidden()
        expect(menu).to_be_focused()

    ts = slack.workspace.person(GRACE).say(GENERAL, "root")
    slack.workspace.person(GRACE).say(GENERAL, "reply", ts)
    page.locator("main .replies").click()
    focused(page, ".thread")
    assert page.evaluate("document.querySelector('main').inert")
    page.get_by_role("button", name="Show the story of this thread").click()
    focused(page, ".inspector [role=tab]")
    assert page.evaluate("document.querySelector('.thread').inert")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Show the story of this thread")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("main .replies")).to_be_focused()
    assert page.locator("[inert]").evaluate_all("found => found.map(one => one.className)") == ["sidebar"]


def test_a_thread_fits_every_width(office: Office, visit: Visit, subtests: pytest.Subtests) -> None:
    slack, _ = office
    page = visit(slack)()
    ts = slack.workspace.person(GRACE).say(HELP, "root")
    slack.workspace.person(GRACE).say(HELP, "reply", ts)
    page.locator("main .replies").click()
    for width in (390, 700, 701, 729, 740, 741, 800, 1199, 1200):
        with subtests.test(width=width):
            page.set_viewport_size({"width": width, "height": 700})
            box = page.get_by_role("complementary", name="Thread").bounding_box()
            assert box
            assert box["x"] + box["width"] <= width
            assert box["width"] >= min(width, 280)


def test_a_narrow_screen_shows_one_thing_at_a_time(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)(viewport=NARROW)
    nav = page.get_by_role("navigation")
    expect(nav).to_be_hidden()
    page.get_by_role("button", name="Channels").click()
    nav.get_by_role("button", name="general").click()
    expect(nav).to_be_hidden()
    expect(page.locator("main h1")).to_have_text("general")
    thread = ask(page)
    assert thread.bounding_box() == {"x": 0, "y": 0, **NARROW}
    thread.get_by_role("button", name="Show the story").click()
    inspector = page.get_by_role("complementary", name="Inspector")
    expect(inspector.locator(".turn")).to_be_visible()
    inspector.get_by_role("button", name="Close inspector").click()
    thread.get_by_role("button", name="Close thread").click()
    expect(thread).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]


def test_the_inspector_shows_wire_and_story(office: Office, visit: Visit) -> None:
    slack, assistant = office
    page = visit(slack)()
    ask(page)
    inspector = page.get_by_role("complementary", name="Inspector")
    turn = inspector.locator(".turn")
    for told in (
        "completed: answered",
        "2.5 s",
        "1,000",
        "$0.012",
        "carry over",
        "first word after 300 ms",
        "0.79",
    ):
        expect(turn).to_contain_text(told)
    expect(turn.locator(".verdict")).to_have_text("Bad answer, says Ada Marlow: “too short”")
    turn.locator(".steps summary").nth(1).click()
    expect(turn.locator(".steps li").nth(1)).to_contain_text("hello")

    inspector.get_by_role("tab", name="Wire").click()
    rows = inspector.locator(".wire-row")
    expect(rows.filter(has_text="app_mention")).to_contain_text("acked")
    inspector.get_by_label("Filter the wire").fill("setstatus")
    expect(rows).to_have_count(1)
    rows.locator("summary").click()
    expect(rows.locator(".json").first).to_contain_text("is searching the documents…")
    assistant.go.release()
    inspector.get_by_label("Filter the wire").fill("startstream")
    expect(rows).to_have_count(1)


HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(1)</script> [a](javascript:alert(1)) <javascript:alert(1)|b> "
    "![c](https://evil.example/x.png) [d](data:text/html,x) <https://ok.example|e> [f](vbscript:x)"
)


def test_nothing_written_becomes_markup(office: Office, visit: Visit) -> None:
    slack, _ = office
    page = visit(slack)()
    slack.workspace.person(ADA).say(HELP, HOSTILE)
    section = {"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}}
    button = {"type": "button", "url": "javascript:alert(1)", "text": {"type": "plain_text", "text": "<i>go</i>"}}
    blocks: list[dict[str, Any]] = [
        section,
        {"type": "actions", "elements": [button]},
        {"type": "markdown", "text": HOSTILE},
    ]
    slack.client.chat_postMessage(channel=HELP, text="x", blocks=blocks)
    slack.client.chat_postMessage(channel=HELP, markdown_text=HOSTILE)
    expect(page.get_by_text("<i>go</i>")).to_be_visible()
    expect(page.locator(".row")).to_have_count(3)
    assert page.locator("img, script:not([src]), iframe").count() == 0
    links = page.locator(".row a").evaluate_all("links => [...new Set(links.map(link => link.protocol))]")
    assert links == ["https:"]


HOSTILE_HTML = [  # and what is left of it
    ("<img src='https://evil.example/x.png' onerror='alert(1)'>", ""),
    ("<svg onload='alert(1)'><script>alert(1)</script></svg>", ""),
    ("<a href='javascript:alert(1)' onclick='alert(1)' style='color: red'>a</a>", "<a>a</a>"),
    ("<a href='jAvascript&colon;alert(1)'>a</a><a href='//evil.example'>b</a>", "<a>a</a><a>b</a>"),
    ("<p style='background: url(https://evil.example/z)' data-x='1' id='y'>s</p>", "<p>s</p>"),
    ("<style>* { background: url(https://evil.example/y) }</style>", ""),
    ("<form action='https://evil.example'><input name='a'><button>b</button></form>", "b"),
    ("<iframe src='https://evil.example'></iframe><video src='https://evil.example/v'></video>", ""),
    ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", ""),
    ("<base href='https://evil.example'><link rel='stylesheet' href='https://evil.example/s.css'>", ""),
    ("<ol start='3'><li class='x'>a</li></ol>", '<ol start="3"><li class="x">a</li></ol>'),
]


def test_html_runs_and_loads_nothing(browser: Browser, shared: Served, subtests: pytest.Subtests) -> None:
    requests: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto(shared.server.url)
    for html, left in HOSTILE_HTML:
        with subtests.test(html):
            drawn = page.evaluate(
                """async (html) => {
                    const holder = document.createElement("div");
                    holder.append(...(await import("/page/sanitize.js")).sanitize(html));
                    document.body.append(holder);
                    await new Promise(requestAnimationFrame);
                    return holder.innerHTML;
                }""",
                html,
            )
            assert drawn == left
            assert [url for url in requests if not url.startswith(shared.server.url)] == []
    page.close()


def test_only_the_sanitiser_makes_markup(browser: Browser, shared: Served) -> None:
    page = browser.new_page()
    page.goto(shared.server.url)
    refusal = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
    )
    assert refusal == "TypeError"
    page.close()


MARKDOWN = [
    ("**b** *i* ~~s~~ `c`", "<p><strong>b</strong> <em>i</em> <s>s</s> <code>c</code></p>"),
    ("# One\n### Three", "<h3>One</h3><h5>Three</h5>"),
    ("a\nb\n\nc", "<p>a<br>b</p><p>c</p>"),
    ("a\n---", "<p>a</p><hr>"),
    ("1. a\n   - b\n     - c\n2. d", "<ol><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li><li>d</li></ol>"),
    ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("> q\n> - r", "<blockquote><p>q</p><ul><li>r</li></ul></blockquote>"),
    ("```py\na < b\n```", '<pre tabindex="0"><code>a &lt; b</code></pre>'),
    ("```\nstill open **x**", '<pre tabindex="0"><code>still open **x**</code></pre>'),
    ("snake_case_name 2*3*4", "<p>snake_case_name 2<em>3</em>4</p>"),
    ("**open", "<p>**open</p>"),
    ("\\*not\\* &amp;lt; <b>", "<p>*not* &amp;lt; &lt;b&gt;</p>"),
    (
        "| a | b |\n|:-:|--:|\n| 1 | 2 |",
        '<div class="table" tabindex="0"><table>'
        '<thead><tr><th class="center">a</th><th class="right">b</th></tr></thead>'
        '<tbody><tr><td class="center">1</td><td class="right">2</td></tr></tbody></table></div>',
    ),
    (
        "<@U1> <@U2> <#C1|x> <!here> :tada: :no:",
        '<p><span class="mention me">@U1</span> <span class="mention">@U2</span> '
        '<span class="mention">#x</span> <span class="mention me">@here</span> 🎉 :no:</p>',
    ),
    ("README.md www.a.b //x.y ftp://a.b a@b.c", "<p>README.md www.a.b //x.y ftp://a.b a@b.c</p>"),
    ("[x](/relative) [y](#z)", "<p><a>x</a> <a>y</a></p>"),
    ("", ""),
]
MRKDWN = [
    ("*b* _i_ ~s~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
    ("*a _b_ c*", "<b>a <i>b</i> c</b>"),
    ("a*b*c snake_case_x 2 * 3 * 4", "a*b*c snake_case_x 2 * 3 * 4"),
    ("&gt; q\n&gt; r\nx", "<blockquote>q<br>r</blockquote>x"),
    ("• a\n- b", "<ul><li>a</li><li>b</li></ul>"),
    ("```a\n*b*```", '<pre tabindex="0"><code>a\n*b*</code></pre>'),
    ("a &lt;b&gt; &amp;amp;", "a &lt;b&gt; &amp;amp;"),
    (
        "<@U1> <@U2> <#C1|x> <!here> :tada:",
        '<span class="mention me">@U1</span> <span class="mention">@U2</span> '
        '<span class="mention">#x</span> <span class="mention me">@here</span> 🎉',
    ),
    ("*b\nc*", "*b<br>c*"),
    ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
]
LINKS = [
    ("markdown", "See [[1]](https://h.example/a_(b)) now.", "https://h.example/a_(b)", "[1]"),
    ("markdown", "<https://h.example/?x=1&amp;y=2|a *b*>", "https://h.example/?x=1&amp;y=2", "a *b*"),
    ("markdown", "So https://h.example/c.", "https://h.example/c", "https://h.example/c"),
    ("markdown", "![a picture](https://h.example/p.png)", "https://h.example/p.png", "a picture"),
    ("mrkdwn", "<https://h.example/a|*b*>", "https://h.example/a", "*b*"),
    ("mrkdwn", "<mailto:a@h.example>", "mailto:a@h.example", "a@h.example"),
]


def test_markup_is_drawn_as_slack_draws_it(office: Office, visit: Visit) -> None:
    page = visit(office[0])()
    draw = """async ([name, text]) => {
        const draw = (await import(`/page/${name}.js`))[name];
        const holder = document.createElement("div");
        holder.append(...draw(text, {users: new Map(), channels: new Map(), me: "U1", nameOf: (id) => id}));
        return holder.innerHTML.replace(/(?<=>)\\n|\\n(?=<|$)/g, "");
    }"""
    for text, html in MARKDOWN:
        assert page.evaluate(draw, ["markdown", text]) == html, text
    for text, html in MRKDWN:
        assert page.evaluate(draw, ["mrkdwn", text]) == html, text
    for name, text, url, label in LINKS:
        attributes = f'href="{url}" target="_blank" rel="noopener noreferrer" title="{url}"'
        assert f"<a {attributes}>{label}</a>" in page.evaluate(draw, [name, text]), text
    deep = "[" * 6_000 + "*" * 3_000 + "> " * 1_000
    assert page.evaluate(draw, ["markdown", deep])
    assert page.evaluate(draw, ["mrkdwn", deep + "<" * 3_000 + "`" * 3_000 + "&gt; " * 3_000])


def test_much_is_shown_in_pieces(visit: Visit) -> None:
    with serving(InstalledApp(subscriptions=())) as slack:
        grace = slack.workspace.person(GRACE)
        for n in range(500):
            grace.say(HELP, f"message {n}")
        with slack.workspace.lock:
            call = ApiCall("auth.test", {}, {"ok": True}, 200, 1.0, "bot")
            slack.workspace.calls.extend([call] * 5_000)
        page = visit(slack)()
        expect(page.get_by_text("message 499", exact=True)).to_be_in_viewport()
        assert page.locator("main .row").count() == 100
        earlier = page.get_by_role("button", name="Show earlier messages")
        earlier.scroll_into_view_if_needed()
        first = page.get_by_text("message 400", exact=True)
        before = first.bounding_box()
        earlier.click()
        expect(page.locator("main .row")).to_have_count(200)
        after = first.bounding_box()
        assert before
        assert after
        assert abs(after["y"] - before["y"]) < 40  # the row has got a name, but stays where it was read
        page.get_by_role("tab", name="Wire").click()
        expect(page.get_by_text("4800 earlier ones: filter to see them.")).to_be_attached()
        assert page.locator(".wire-row").count() == 200

        view = page.locator("main .view")
        view.evaluate("view => view.scrollTop = 200")
        grace.say(HELP, "one more")
        expect(page.get_by_role("button", name="New messages")).to_be_visible()
        expect(page.locator("main .row")).to_have_count(200)
        assert not view.evaluate(
            "view => view.scrollHeight - view.scrollTop - view.clientHeight < 60"
        )  # as before
        page.get_by_role("button", name="New messages").click()
        expect(page.get_by_text("one more")).to_be_in_viewport()
        page.close()


def test_the_page_outlives_its_server(browser: Browser) -> None:
    with WorkspaceServer(Workspace()) as server:
        server.workspace.person(ADA).say(HELP, "before")
        page = browser.new_page(viewport=WIDE)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{server.url}/#{ADA}/{HELP}")
        expect(page.get_by_text("before")).to_be_visible()
        composer(page).fill("unsent")
    expect(page.get_by_role("alert").filter(has_text="The workspace has stopped.")).to_be_visible()
    with WorkspaceServer(Workspace(), port=server.port) as again:
        again.workspace.person(ADA).say(HELP, "after")
        expect(page.get_by_text("after")).to_be_visible()
        expect(page.get_by_text("The workspace has stopped.")).to_be_hidden()
        expect(page.get_by_text("before")).to_have_count(0)
        expect(composer(page)).to_have_value("unsent")
        page.close()


def test_colours_are_chosen_and_remembered(office: Office, visit: Visit) -> None:
    page = visit(office[0])(color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Light colours").click()
    page.reload()
    expect(page.get_by_role("button", name="Dark colours")).to_be_visible()
    assert json.loads(page.evaluate("localStorage['workspace.theme']")) == "light"
