"""No payload, however senseless, gets anything but an answer of Slack's kind."""

import json
from typing import Any
from urllib.request import Request, urlopen

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.simulator import ADA, GENERAL
from bot.simulator.blocks.check import BLOCKS
from bot.simulator.blocks.elements import ELEMENTS
from bot.simulator.methods import METHODS
from tests.bot.simulator.conftest import Served

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.just("x" * 3_001))
TEXT = st.fixed_dictionaries(
    {"type": st.sampled_from(["mrkdwn", "plain_text"]), "text": st.text(max_size=3) | SCALARS}
)


def _shaped(shapes: dict[str, Any], inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Something of a known type with its required fields, each of them filled with anything."""
    one = [
        st.fixed_dictionaries(
            {"type": st.just(kind), **dict.fromkeys(sorted(shape.required), inner)},
            optional=dict.fromkeys(sorted({*shape.optional, "action_id", "block_id"} - shape.required), inner),
        )
        for kind, shape in shapes.items()
    ]
    return st.one_of(one)


INNER = st.recursive(
    SCALARS | TEXT, lambda deeper: st.lists(_shaped(ELEMENTS, deeper) | deeper, max_size=2), max_leaves=4
)
BLOCK_LISTS = st.lists(_shaped(BLOCKS, INNER) | SCALARS, max_size=2) | INNER
CHUNKS = {
    "task_update": {"id", "title", "status", "details", "sources"},
    "markdown_text": {"text"},
    "plan_update": {"title"},
}
CHUNK = st.one_of(
    st.fixed_dictionaries({"type": st.just("blocks"), "blocks": BLOCK_LISTS}),
    *(
        st.fixed_dictionaries({"type": st.just(k), **dict.fromkeys(sorted(names), INNER)})
        for k, names in CHUNKS.items()
    ),
)
METADATA = st.fixed_dictionaries({"event_type": INNER, "event_payload": INNER | st.just({})}) | INNER
VIEW = (
    st.fixed_dictionaries({"type": st.sampled_from(["modal", "home"]), "title": INNER, "blocks": BLOCK_LISTS})
    | INNER
)
SPECIAL = {
    "blocks": BLOCK_LISTS,
    "chunks": st.lists(CHUNK, max_size=2) | INNER,
    "metadata": METADATA,
    "view": VIEW,
}
RELAXED = settings(max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RELAXED
@given(st.data())
def test_every_method_answers_nonsense_with_a_code(shared: Served, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(METHODS.keys() - {"auth.revoke"})))  # which ends all
    method = METHODS[name]
    call = data.draw(
        st.fixed_dictionaries(
            {argument: SPECIAL.get(argument, INNER) for argument in method.required},
            optional={argument: SPECIAL.get(argument, INNER) for argument in sorted(method.optional)},
        )
    )
    call |= {argument: GENERAL for argument in ("channel", "channel_id") if argument in method.required}
    call |= {argument: ADA for argument in ("user", "user_id") if argument in method.required}
    answer = _post(shared, name, call)
    assert answer["ok"] or answer["error"]


@RELAXED
@given(chunks=st.lists(CHUNK, max_size=2), blocks=BLOCK_LISTS, metadata=METADATA)
def test_messages_and_streams_answer_nonsense_with_a_code(
    shared: Served, chunks: Any, blocks: Any, metadata: Any
) -> None:
    ts = shared.workspace.person(ADA).say(GENERAL, "why?")
    recipient: dict[str, Any] = {"recipient_team_id": shared.workspace.app.team_id, "recipient_user_id": ADA}
    stream = shared.client.chat_startStream(channel=GENERAL, thread_ts=ts, **recipient)["ts"]
    where = {"channel": GENERAL, "ts": stream}
    _post(shared, "chat.appendStream", {**where, "chunks": chunks})
    _post(shared, "chat.stopStream", {**where, "blocks": blocks, "metadata": metadata})
    _post(shared, "chat.postMessage", {"channel": GENERAL, "thread_ts": ts, "text": "x", "blocks": blocks})
    assert shared.client.conversations_replies(channel=GENERAL, ts=ts)["ok"]
    assert all(isinstance(message.plain, str) for message in shared.workspace.thread(GENERAL, ts))


def _post(shared: Served, method: str, call: dict[str, Any]) -> dict[str, Any]:
    token = shared.workspace.app.app_token if METHODS[method].token == "app" else shared.workspace.app.bot_token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urlopen(Request(f"{shared.server.api_url}{method}", json.dumps(call).encode(), headers)) as answer:
        return dict(json.loads(answer.read()))
