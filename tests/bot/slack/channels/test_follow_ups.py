"""Who is answered without a mention: by channel, by thread, and where every message is a question."""

import threading

import pytest
from sqlalchemy import text

from agent.store.database import Database
from bot.simulator import ADA, GENERAL, GRACE, HELP, LINUS, OTHER_BOT
from bot.slack.channels import channel_settings, thread_menu
from bot.slack.channels.channel_settings import ChannelSettings, FollowUps
from bot.slack.channels.settings_cache import SettingsCache
from bot.slack.replies.closing import buttons
from tests.bot.slack.docent import EMOJI, Docent
from tests.scripted_model import Say
from tools.extractive import sections

QUESTION = "How many days of annual leave can I carry over into the next year?"


def set_channel(docent: Docent, channel: str, **values: object) -> None:
    """Sets it as the operator does."""
    with docent.database.transaction() as transaction:
        for field, value in values.items():
            team = docent.workspace.app.team_id
            channel_settings.change(
                transaction, team=team, channel=channel, field=field, value=value, changed_by="operator"
            )


def asked(docent: Docent) -> list[str]:
    """What was asked, without the first question."""
    return [question for _, question, _ in docent.turns()[1:]]


@pytest.mark.parametrize(
    ("follow_ups", "heard"),
    [
        ("always", ["And I?", "Me too?", "A mention"]),
        ("asker", ["And I?", "A mention"]),
        ("mention", ["A mention"]),
    ],
)
def test_a_channel_says_whose_replies_are_answered(docent: Docent, follow_ups: str, heard: list[str]) -> None:
    set_channel(docent, HELP, follow_ups=follow_ups)
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    root = ada.mention(HELP, QUESTION)
    elsewhere = ada.say(HELP, "Lunch?")
    docent.run()
    ada.say(HELP, "And I?", root)
    grace.say(HELP, "Me too?", root)
    grace.mention(HELP, "A mention", root)
    for to_others in (f"<@{LINUS}> do you know?", f"thanks <@{LINUS}>!", f"Well, what do you think, <@{ADA}>?"):
        grace.say(HELP, to_others, root)
        ada.say(HELP, to_others, root)
    docent.workspace.person(OTHER_BOT).say(GENERAL, "A deployment has ended.")
    grace.say(HELP, "In a thread without a question?", elsewhere)
    docent.run()
    assert asked(docent) == heard


def test_where_everybody_is_heard_a_reply_that_names_somebody_else_is_left_alone(docent: Docent) -> None:
    set_channel(docent, HELP, follow_ups="always")
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    root = ada.mention(HELP, QUESTION)
    docent.run()
    grace.say(HELP, f"I asked <@{LINUS}> that, too.", root)
    ada.say(HELP, "> And I?\nShe said that.", root)
    docent.run()
    assert asked(docent) == ["> And I?\nShe said that."]


def test_the_owner_of_a_thread_chooses_who_is_heard_there_and_nobody_else_does(docent: Docent) -> None:
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    root = ada.mention(HELP, QUESTION)
    other = ada.mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, root)
    docent.choose(GRACE, answer.ts, "muted")
    assert docent.told(GRACE) == [f"Only <@{ADA}>, who asked first in this thread, can change that."]

    heard: dict[str, list[str]] = {}
    for choice in ("always", "mention", "muted", "channel"):
        docent.choose(ADA, answer.ts, choice)
        n_before = len(docent.turns())
        ada.say(HELP, f"Ada, {choice}?", root)
        grace.say(HELP, f"Grace, {choice}?", root)
        grace.mention(HELP, f"{choice}!", root)
        docent.run()
        heard[choice] = [question for _, question, _ in docent.turns()[n_before:]]
    assert heard == {
        "always": ["Ada, always?", "Grace, always?", "always!"],
        "mention": ["mention!"],
        "muted": [],
        "channel": ["Ada, channel?", "Grace, channel?", "channel!"],  # who has asked there by now, as well
    }
    assert [text for _, _, text in thread_menu.CHOICES] == docent.told(ADA)
    assert any("I am muted in this thread" in said for said in docent.told(GRACE))
    ada.say(HELP, "Another thread?", other)
    docent.run()
    assert asked(docent)[-1] == "Another thread?"
    menus = [thread_menu.ACTION in str(message.blocks) for message in docent.messages(HELP, root)]
    assert menus == [True] + [False] * (len(menus) - 1)  # below the first answer alone


def test_in_a_muted_thread_a_suggested_question_is_not_asked_and_who_clicked_is_told_why(docent: Docent) -> None:
    root = docent.workspace.person(ADA).mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, root)
    docent.choose(ADA, answer.ts, "muted")
    grace = docent.workspace.person(GRACE)
    grace.click(answer.ts, f"{buttons.SUGGESTION}_0")
    assert (len(docent.turns()), docent.told(GRACE)) == (1, [thread_menu.MUTED])
    docent.choose(ADA, answer.ts, "mention")
    grace.click(answer.ts, f"{buttons.SUGGESTION}_0")
    assert [(origin, reason) for origin, _, reason in docent.turns()[1:]] == [("thread", None)]


@pytest.mark.parametrize("at", ["root", "reply"])
def test_in_a_muted_thread_an_emoji_asks_nothing_and_who_put_it_there_is_told_why(docent: Docent, at: str) -> None:
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    root = ada.mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, root)
    docent.choose(ADA, answer.ts, "muted")
    reply = ada.say(HELP, "How long must a password be?", root)
    grace.react(root if at == "root" else reply, EMOJI)
    docent.run()
    assert len(docent.messages(HELP, root)) == 1
    assert [reason for _, _, reason in docent.turns()[1:]] == ([] if at == "root" else ["withdrawn"])
    assert docent.told(GRACE) == [thread_menu.MUTED]


def test_a_question_that_is_deleted_in_a_thread_that_was_muted_meanwhile_is_withdrawn(docent: Docent) -> None:
    ada = docent.workspace.person(ADA)
    root = ada.mention(HELP, QUESTION)
    docent.run()
    by_mention = ada.mention(HELP, "How long must a password be?", root)
    follow_up = ada.say(HELP, "And what may a hotel cost?", root)
    docent.hear()
    docent.choose(ADA, docent.messages(HELP, root)[0].ts, "muted")
    ada.delete(by_mention)
    ada.delete(follow_up)
    docent.run()
    assert [reason for _, _, reason in docent.turns()] == ["answered", "withdrawn", "withdrawn"]
    assert len(docent.messages(HELP, root)) == 1


def test_a_choice_in_one_process_is_known_to_the_others_within_one_reading(docent: Docent) -> None:
    ada = docent.workspace.person(ADA)
    root = ada.mention(HELP, QUESTION)
    docent.run()
    other = SettingsCache(ChannelSettings(FollowUps.MENTION))
    team, key = docent.workspace.app.team_id, f"slack:{docent.workspace.app.team_id}:{HELP}:{root}"
    other.refresh(docent.database)
    assert other.of_thread(key, team, HELP) is FollowUps.MENTION
    docent.choose(ADA, docent.messages(HELP, root)[0].ts, "always")
    set_channel(docent, GENERAL, respond_to_all=True)
    other.refresh(docent.database)
    assert other.of_thread(key, team, HELP) is FollowUps.ALWAYS
    assert other.of_channel(team, GENERAL) == ChannelSettings(FollowUps.MENTION, respond_to_all=True)
    docent.choose(ADA, docent.messages(HELP, root)[0].ts, "channel")
    other.refresh(docent.database)
    assert other.of_thread(key, team, HELP) is FollowUps.MENTION


def test_a_value_of_another_release_counts_as_not_set(docent: Docent) -> None:
    with docent.database.transaction() as transaction:
        transaction.execute(
            text(
                "INSERT INTO channel_settings (team, channel, version, settings, changed_by) VALUES "
                """('T', 'C', 1, '{"follow_ups": "by_moon", "respond_to_all": [], "tone": "dry"}', 'u')"""
            )
        )
    cache = SettingsCache()
    cache.refresh(docent.database)
    assert cache.of_channel("T", "C") == ChannelSettings()


def test_only_channels_that_have_changed_are_read_again_and_in_a_while_all(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred that were set long ago, one is changed, and one is forgotten."""
    fill = "SELECT 'T', 'C' || n, 1, '{\"follow_ups\": \"always\"}', 'u', now() - interval '1 day'"
    with database.transaction() as transaction:
        columns = "(team, channel, version, settings, changed_by, changed_at)"
        transaction.execute(
            text(f"INSERT INTO channel_settings {columns} {fill} FROM generate_series(1, 100) AS n")
        )
    cache = SettingsCache()
    assert [cache.refresh(database) for _ in range(3)] == [100, 0, 0]
    with database.transaction() as transaction:
        values = {"team": "T", "channel": "C7", "changed_by": "u"}
        channel_settings.change(transaction, field="follow_ups", value="mention", **values)
        transaction.execute(text("DELETE FROM channel_settings WHERE channel = 'C8'"))
    assert cache.refresh(database) == 1
    known = [cache.of_channel("T", channel).follow_ups for channel in ("C6", "C7", "C8")]
    assert known == [FollowUps.ALWAYS, FollowUps.MENTION, FollowUps.ALWAYS]
    monkeypatch.setattr(cache, "_anew_at", 0.0)
    assert cache.refresh(database) == 99
    assert cache.of_channel("T", "C8") == ChannelSettings()


def test_where_all_are_answered_nothing_found_stays_silent_and_begins_no_conversation(docent: Docent) -> None:
    set_channel(docent, HELP, respond_to_all=True)
    ada, grace = docent.workspace.person(ADA), docent.workspace.person(GRACE)
    found = ada.say(HELP, QUESTION)
    docent.run()
    docent.model.script = lambda request: Say("[not in the documents]\nThe documents do not say.")
    nothing = grace.say(HELP, "What is the boiling point of tungsten?")
    thanks = grace.say(HELP, "Good morning!")
    to_others = grace.say(HELP, f"<@{LINUS}> are you there?")
    grace.say(HELP, "Nobody knows?", nothing)
    docent.run()
    replies = [docent.replies(HELP, ts) for ts in (found, nothing, thanks, to_others)]
    assert [len(said) for said in replies] == [1, 0, 0, 0]
    assert "5 days" in replies[0][0]
    assert {origin for origin, *_ in docent.turns()} == {"channel"}
    assert len(docent.turns()) == 3
    shown = [call.method for call in docent.workspace.calls if call.args.get("thread_ts") in (nothing, thanks)]
    assert shown == []

    grace.say(HELP, "And how long must a password be?", nothing)
    ada.say(HELP, "And how long must a password be?", found)
    docent.run()
    assert [origin for origin, *_ in docent.turns()][3:] == ["thread"]


def test_what_is_switched_off_before_it_is_answered_is_not_answered(docent: Docent) -> None:
    set_channel(docent, HELP, respond_to_all=True)
    ts = docent.workspace.person(ADA).say(HELP, QUESTION)
    docent.hear()
    set_channel(docent, HELP, respond_to_all=False)
    docent.run()
    assert (docent.turns()[0][2], docent.replies(HELP, ts)) == ("withdrawn", [])


@pytest.mark.parametrize("is_deleted", [True, False])
def test_in_a_channel_that_was_muted_meanwhile_nothing_is_answered_that_nobody_asked_for(
    docent: Docent, is_deleted: bool
) -> None:
    """And a question can be taken back there."""
    set_channel(docent, HELP, respond_to_all=True)
    ada = docent.workspace.person(ADA)
    ts = ada.say(HELP, QUESTION)
    docent.hear()
    set_channel(docent, HELP, muted=True)
    docent.hear()
    if is_deleted:
        ada.delete(ts)
        docent.hear()
        assert docent.turns()[0][2] == "withdrawn"
    docent.run()
    assert (docent.turns()[0][2], docent.replies(HELP, ts)) == ("withdrawn", [])


def test_bots_and_itself_are_never_answered(docent: Docent) -> None:
    set_channel(docent, GENERAL, follow_ups="always", respond_to_all=True)
    bot = docent.workspace.app.bot_user_id
    docent.workspace.person(OTHER_BOT).say(GENERAL, f"<@{bot}> {QUESTION}")
    docent.workspace.person(OTHER_BOT).say(GENERAL, QUESTION)
    docent.run()
    ts = docent.workspace.person(ADA).say(GENERAL, QUESTION)
    docent.run()
    docent.workspace.person(OTHER_BOT).say(GENERAL, "Me too?", ts)
    docent.run()
    assert len(docent.turns()) == 1


def test_a_fault_in_what_is_read_ends_no_watch(docent: Docent, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, looks = SettingsCache(), threading.Semaphore(0)

    def fail(database: Database) -> None:
        looks.release()
        raise ValueError("of a later release")

    monkeypatch.setattr(cache, "refresh", fail)
    cache.watch(docent.database, seconds=0.001)
    try:
        assert all(looks.acquire(timeout=10) for _ in range(2))
    finally:
        cache.close()


def test_a_yes_asks_the_first_question_that_was_suggested_below_the_answer(docent: Docent) -> None:
    ada = docent.workspace.person(ADA)
    root = ada.mention(HELP, QUESTION)
    docent.run()
    (answer,) = docent.messages(HELP, root)
    with docent.database.transaction() as transaction:
        (offered,) = transaction.execute(text("SELECT offered FROM turns")).one()
    assert offered in str(answer.blocks)
    ada.say(HELP, "yes please", root)
    docent.run()
    with docent.database.transaction() as transaction:
        calls = transaction.execute(text("SELECT name, arguments FROM tool_calls ORDER BY id")).all()
    section = sections.read(offered)
    assert section
    assert calls[-1] == ("read_document", {"document": section.title, "heading": section.heading})
