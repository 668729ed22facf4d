"""One question, from the event to the reply, the record and the feedback. Read this first."""

from bot.simulator import ADA, HELP
from tests.system import QUESTION, System


def test_a_mention_is_answered_in_its_thread_with_its_source(world: System) -> None:
    world.start("web", "worker", "clock")
    ada = world.workspace.person(ADA)

    ts = ada.mention(HELP, QUESTION)

    (turn,) = world.wait_for_turns(1)
    (reply,) = world.replies(HELP, ts)
    assert "5 days" in reply.plain
    assert "handbook.example/leave" in reply.plain
    assert reply.thread_ts == ts
    assert reply.streaming_state in (None, "completed")

    # the record
    assert (turn.status, turn.reason, turn.origin, turn.user_id) == ("completed", "answered", "mention", ADA)
    assert turn.question == QUESTION
    assert all((turn.prompt_hash, turn.settings_hash, turn.index_version, turn.embedding_model))
    (model_call,) = world.query("SELECT * FROM model_calls")
    assert (model_call.status, model_call.model) == ("completed", "local/extractive")
    (tool_call,) = world.query("SELECT * FROM tool_calls")
    assert tool_call.name == "search_docs"
    assert [m.role for m in world.query("SELECT role FROM messages ORDER BY position")] == ["user", "assistant"]
    cited = world.query("SELECT url FROM sources WHERE is_cited")
    assert {source.url for source in cited} == {"https://handbook.example/leave"}
    (row,) = world.query("SELECT * FROM replies")
    assert (row.ts, row.state) == (reply.ts, "final")

    # the feedback
    ack = ada.click(reply.ts, "docent_feedback", "positive")
    assert ack.error == ""
    ada.click(reply.ts, "docent_feedback", "negative")
    (feedback,) = world.query("SELECT * FROM feedback")
    assert (feedback.turn_id, feedback.user_id, feedback.rating) == (turn.id, ADA, -1)
