"""Owners are reminded by direct message: of what they may read, once in 30 days."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from agent.errors import ReplyError
from bot.record import personal_data
from bot.simulator import ADA, GENERAL, GONE, GRACE, HR, LINUS, FaultRule
from bot.slack.inbox import Origin
from ingest.documents.upkeep import Upkeep
from tests.bot.record.reports.conftest import AskedWorkspace

DM = {person: "D" + person[1:] for person in (ADA, GRACE, LINUS)}


def test_an_owner_is_told_which_documents_need_a_look(asked: AskedWorkspace) -> None:
    asked.document("Travel", upkeep=Upkeep(ADA, expires="2020-01-31"))
    asked.document("Review", upkeep=Upkeep(ADA, review_in="30 days"), days=60)
    asked.document("Mistake", upkeep=Upkeep(ADA, review_in="<!here> soon"))
    asked.document("Fine", upkeep=Upkeep(ADA))
    rated = asked.document("Rated", upkeep=Upkeep(ADA))
    asked.document("Old", source="wiki", days=500)
    asked.document("Of nobody", days=500)
    asked.ask("How many days?", cited=[rated], down=[GRACE])
    asked.publish(GENERAL, owners={"wiki": LINUS})
    (reminder,) = asked.posts(DM[ADA])
    listed = [line.partition("|")[2] for line in reminder.splitlines() if line.startswith("• ")]
    assert listed[0] == "Rated>  ·  1 👎 on 1 answer"
    assert sorted(one.partition(">")[0] for one in listed) == ["Mistake", "Rated", "Review", "Travel"]
    assert "<!here>" not in reminder
    (of_source,) = asked.posts(DM[LINUS])
    assert "|Old>  ·  last changed 16 months ago" in of_source
    assert "Of nobody" not in reminder + of_source


def test_an_owner_is_told_only_of_what_they_may_read_and_of_no_private_rating(asked: AskedWorkspace) -> None:
    asked.document("Pay", readers=[f"channel:{HR}"], upkeep=Upkeep(LINUS), days=800)
    told = asked.document("Told", upkeep=Upkeep(LINUS))
    asked.ask("How many days?", cited=[told], down=[ADA], channel=DM[ADA], origin=Origin.DIRECT)
    asked.publish(GENERAL)
    assert asked.workspace.calls_of("conversations.open") == []
    asked.document("Leave", upkeep=Upkeep(LINUS), days=800)
    asked.publish(GENERAL)
    (reminder,) = asked.posts(DM[LINUS])
    assert "Leave" in reminder
    assert "Pay" not in reminder
    assert "Told" not in reminder


def test_an_owner_is_reminded_once_in_thirty_days_whatever_crashes(asked: AskedWorkspace) -> None:
    asked.document("Leave", upkeep=Upkeep(ADA), days=800)
    asked.workspace.faults.add(FaultRule("lose_answer", "chat.postMessage", times=1))
    with pytest.raises(ReplyError):
        asked.publish(GENERAL)
    for week in range(3):
        asked.publish(GENERAL, due=asked.due + timedelta(days=7 * week))
    assert len(asked.posts(DM[ADA])) == 1
    with asked.database.transaction() as transaction:
        older = "begun_at = begun_at - interval '30 days', sent_at = sent_at - interval '30 days'"
        transaction.execute(text(f"UPDATE notices SET {older} WHERE subject = 'reminder:{ADA}'"))
    for _ in range(2):
        asked.publish(GENERAL)
    assert len(asked.posts(DM[ADA])) == 2


def test_an_owner_who_cannot_be_written_to_keeps_nobody_else_from_it(asked: AskedWorkspace) -> None:
    asked.document("Leave", readers=["everyone", f"user:{GONE}", "external"], upkeep=Upkeep(GONE), days=800)
    asked.document("Nobody", readers=["external"], upkeep=Upkeep("U0NOBODY001"), days=800)
    asked.document("Travel", upkeep=Upkeep(LINUS), days=800)
    asked.publish(GENERAL)
    assert len(asked.posts(DM[LINUS])) == 1


def test_what_is_stored_of_a_reminder_is_told_and_forgotten(asked: AskedWorkspace) -> None:
    asked.document("Leave", upkeep=Upkeep(ADA), days=800)
    asked.publish(GENERAL)
    assert len(personal_data.export_person(asked.database, ADA)["reminders"]) == 1
    personal_data.forget_person(asked.database, ADA)
    assert personal_data.export_person(asked.database, ADA)["reminders"] == []
