"""What a model was shown in a call, counted."""

import json
from typing import cast

from agent.store.database import Database
from agent.types import Message
from bot.record import call_summary, session_query
from bot.record.records import ModelCallRecord
from tests.recorded import SYSTEM, Recorded


def test_what_a_model_saw_is_counted(database: Database) -> None:
    earlier: list[Message] = [{"role": "user", "content": "First?"}, {"role": "assistant", "content": "So."}]
    conversation = json.dumps({"conversation": [{}, {}], "last_question": "?"})
    turn = Recorded.begin(database)
    question = turn.open()
    turn.ask(
        [SYSTEM, {"role": "user", "content": conversation}],
        {"role": "assistant", "content": "Q"},
        purpose="standalone",
        tools=[],
    )
    turn.ask([SYSTEM, *earlier, question], {"role": "assistant", "content": "A"})
    as_text: Message = {
        "role": "user",
        "content": '<evidence tool="search_docs">\n{"passages": [{"n": 2, "title": "B"}]}\n</evidence>',
    }
    turn.ask(
        [SYSTEM, *earlier, question, as_text, {"role": "user", "content": "Stop."}],
        {"role": "assistant", "content": "A"},
        purpose="closing",
    )
    (record,) = session_query.load(database, str(turn.id))["turns"]
    summaries = [call_summary.summarize(call) for call in record["model_calls"]]
    assert [s and (s.n_messages, s.n_earlier, s.passages, s.tools) for s in summaries] == [
        (2, 2, (), ()),
        (4, 1, ((1, "Leave"),), ("search_docs",)),
        (6, 1, ((1, "Leave"), (2, "B")), ("search_docs",)),
    ]
    assert call_summary.summarize(cast(ModelCallRecord, {"request": None})) is None
