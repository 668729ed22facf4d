"""Docent's own sentences in the language of the person who asks, from Slack's event to what stands in Slack."""

from dataclasses import replace

from bot.simulator import ADA, GRACE, HELP, LINUS
from bot.simulator.people.interactions import Ack
from bot.slack import listeners
from bot.slack.interactions import show_how
from bot.slack.replies.closing import buttons
from tests.system import QUESTION, System, ack_body
from tests.test_answers_in_slack import labels, wait_for_ephemeral

UNANSWERED = "Wer hat das Wappen der Stadt entworfen?"


def set_locale(world: System, user: str, locale: str) -> None:
    users = world.workspace.directory.users
    users[user] = replace(users[user], locale=locale)


def ask(world: System, user: str, question: str, n_turns: int) -> tuple[str, list[str]]:
    """What stands in the answer, and what its buttons say."""
    ts = world.workspace.person(user).mention(HELP, question)
    world.wait_for_turns(n_turns)
    (reply,) = world.replies(HELP, ts)
    return reply.plain, labels(reply)


def test_what_stands_around_an_answer_is_in_the_language_of_whoever_asked(world: System) -> None:
    set_locale(world, GRACE, "de-DE")
    set_locale(world, LINUS, "ja-JP")
    world.start("web", "worker")
    german, german_buttons = ask(world, GRACE, QUESTION, 1)
    assert "You can carry over at most 5 days" in german  # the document's own words
    assert "*Quellen:*" in german
    assert "abgeglichen" in german
    assert "Es ist kein Sprachmodell eingerichtet" in german
    assert "Zeig, wie" in german_buttons
    japanese, japanese_buttons = ask(world, LINUS, QUESTION, 2)
    assert "*出典：*" in japanese
    assert "根拠を見る" in japanese_buttons
    english, english_buttons = ask(world, ADA, QUESTION, 3)
    assert "*Sources:*" in english
    assert "Show how" in english_buttons


def test_an_answer_is_in_the_language_of_its_question_and_what_stands_around_it_in_the_asker_s(
    world: System,
) -> None:
    set_locale(world, GRACE, "fr-FR")
    world.start("web", "worker")
    refusal, _ = ask(world, GRACE, UNANSWERED, 1)
    assert refusal.startswith("Dazu habe ich in den Dokumenten nichts gefunden.")
    refusal, _ = ask(world, GRACE, "Wappen", 2)  # of no language that would be clear
    assert refusal.startswith("Je n’ai rien trouvé à ce sujet dans les documents.")


def test_where_slack_speaks_another_language_the_question_decides_and_else_it_is_english(world: System) -> None:
    set_locale(world, GRACE, "it-IT")
    world.start("web", "worker")
    spanish, _ = ask(world, GRACE, "¿Quién diseñó el escudo de la ciudad?", 1)
    assert spanish.startswith("No he encontrado nada sobre esto en los documentos.")
    _, english_buttons = ask(world, GRACE, "annual leave carry over days", 2)
    assert "Show how" in english_buttons


def test_what_is_said_to_a_click_or_a_command_is_in_the_person_s_language_too(world: System) -> None:
    set_locale(world, GRACE, "de-DE")
    world.start("web", "worker")
    ask(world, GRACE, QUESTION, 1)
    (row,) = world.query("SELECT user_id, locale FROM slack_locales")
    assert tuple(row) == (GRACE, "de-DE")
    grace = world.workspace.person(GRACE)

    def explained() -> Ack | None:  # once the web process has heard of the locale
        ack = grace.command("/ask", "", HELP)
        return ack if ack_body(ack)["text"] != listeners.USAGE.format(command="/ask") else None

    assert "Schreiben Sie Ihre Frage hinter den Befehl" in ack_body(world.wait_for(explained))["text"]
    (sent,) = world.query("SELECT ts FROM replies")
    grace.click(sent.ts, buttons.HOW)
    assert "Passagen" in wait_for_ephemeral(world, GRACE, "Wie diese Antwort zustande kam").plain
    world.workspace.person(ADA).click(sent.ts, buttons.HOW)  # the admin's Slack is in English
    assert wait_for_ephemeral(world, ADA, show_how.ONLY_ASKER)
    grace.click(sent.ts, "docent_feedback", "negative")
    (modal,) = world.wait_for(grace.modals)
    assert modal["title"]["text"] == "Was war falsch?"


def test_an_operator_may_choose_one_language_for_everybody(world: System) -> None:
    set_locale(world, GRACE, "de-DE")
    world.env["DOCENT_LANGUAGE"] = "pt"
    world.start("web", "worker")
    for n, user in enumerate((GRACE, ADA), 1):
        _, said = ask(world, user, QUESTION, n)
        assert "Ver como" in said
