"""A primary model, its fallbacks, and what each of them does not take."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from litellm.llms.anthropic.chat.transformation import AnthropicConfig

from agent.errors import ModelError, SettingsError
from agent.llm import client, litellm_setup, models, pricing
from agent.llm.circuit_breaker import LocalBreaker
from agent.llm.client import CallPolicy
from agent.llm.pricing import FREE
from agent.llm.request import Completion, Model, Request
from agent.settings import AgentSettings
from agent.store.database import Database
from agent.turn import loop
from agent.turn.events import TextDelta
from agent.turn.limits import Limits
from agent.types import Message, MessageToolCall
from tests.agent.parts import PRICE, Asked, look_up, opening, shown
from tests.scripted_model import Break, Call, Fail, Hang, Line, Raw, Say, ScriptedModel, Stall
from tests.system import ROOT


@pytest.fixture
def second() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: Say("Second: 5 days [1].")) as model:
        yield model


@pytest.fixture
def both(database: Database, model: ScriptedModel, second: ScriptedModel) -> Asked:
    return Asked(database, [model, second])


@pytest.mark.parametrize("line", [Fail(401), Fail(400), Fail(404), Fail(429), Fail(500), Break("half a ")])
def test_when_the_first_model_fails_the_next_one_answers(both: Asked, model: ScriptedModel, line: Line) -> None:
    model.script = lambda request: line
    turn = both.ask()
    events = both.run(turn)
    assert shown(events) == "Second: 5 days [1]."
    assert events[-1].reason == "answered"  # type: ignore[union-attr]
    rows = both.query("SELECT model, status FROM model_calls ORDER BY id")
    n_failed = (
        2 if isinstance(line, Break) else 1
    )  # what broke off is paid for, and so tried again as another call
    assert [(row[0], row[1]) for row in rows] == [
        *[("openai/scripted-0", "failed")] * n_failed,
        ("openai/scripted-1", "completed"),
    ]


def test_a_dead_provider_costs_one_timeout_and_not_one_per_question(both: Asked, model: ScriptedModel) -> None:
    silent = threading.Event()
    model.script = lambda request: Hang(silent)
    both.kit_options = {"breaker": LocalBreaker(60), "call_policy": CallPolicy(n_retries=2, stall_seconds=0.5)}
    for n in range(4):
        assert both.answer(both.ask(key=f"s{n}")).text == "Second: 5 days [1]."
    silent.set()
    assert len(model.requests) == 1


def test_a_stream_that_only_keeps_its_connection_open_is_cut(both: Asked, model: ScriptedModel) -> None:
    silent = threading.Event()
    model.script = lambda request: Stall("half an", silent)
    both.kit_options = {"call_policy": CallPolicy(n_retries=0, stall_seconds=0.5)}
    events = both.run(both.ask())
    silent.set()
    assert shown(events) == "Second: 5 days [1]."


def test_when_every_model_is_left_alone_the_documents_are_quoted_at_once(
    both: Asked, model: ScriptedModel
) -> None:
    breaker = LocalBreaker(60)
    both.kit_options = {"breaker": breaker}
    for n in (0, 1):
        breaker.record_failure(both.model(n).key, opens=True)
    end = both.answer()
    assert (end.reason, end.text) == ("provider_down", "Quoted: 5 days [1].")
    assert model.requests == []


def test_the_same_model_at_another_address_is_another(both: Asked, model: ScriptedModel) -> None:
    silent = threading.Event()
    model.script = lambda request: Hang(silent)
    both.models = [Model("openai/own", scripted.base_url) for scripted in both.models]  # type: ignore[union-attr]
    both.kit_options = {"call_policy": CallPolicy(n_retries=0, stall_seconds=0.5)}
    assert both.answer().text == "Second: 5 days [1]."
    silent.set()


def test_a_model_that_falls_silent_in_its_answer_costs_one_wait(both: Asked, model: ScriptedModel) -> None:
    silent = threading.Event()
    model.script = lambda request: Stall("half an answer", silent, beats=False)
    both.kit_options = {"call_policy": CallPolicy(n_retries=2, stall_seconds=0.5)}
    assert both.answer().text == "Second: 5 days [1]."
    silent.set()
    assert len(model.requests) == 1


def test_who_reads_slowly_blames_no_model(asked: Asked, model: ScriptedModel) -> None:
    breaker = LocalBreaker(60)
    model.script = lambda request: Say("word " * 12 + "[1].")
    asked.kit_options = {"breaker": breaker, "call_policy": CallPolicy(n_retries=0, timeout_seconds=0.6)}
    for event in loop.TurnRun(asked.ask(), asked.kit, lambda: None).events(opening):
        time.sleep(0.1 if isinstance(event, TextDelta) else 0)
    assert breaker.allows(asked.model(0).key)
    assert asked.query("SELECT status FROM model_calls") == [("completed",)]


@pytest.mark.parametrize(("is_stall", "is_left_alone"), [(False, False), (True, True)])
def test_one_long_answer_leaves_the_model_to_everybody_else(
    asked: Asked, model: ScriptedModel, is_stall: bool, is_left_alone: bool
) -> None:
    """It is still being written when its time is over; a model that fell silent in the middle is away."""
    silent = threading.Event()
    model.script = lambda request: (
        Stall("word ", silent, beats=False) if is_stall else Say("word " * 40, seconds=16)
    )
    policy = CallPolicy(n_retries=0, timeout_seconds=5 if is_stall else 1.5, stall_seconds=0.5 if is_stall else 5)
    breaker = LocalBreaker(60)
    asked.kit_options = {"breaker": breaker, "call_policy": policy}
    asked.answer()
    silent.set()
    assert breaker.allows(asked.model(0).key) is not is_left_alone


@pytest.mark.parametrize("line", [Fail(400), Say("5 days [1].")])
def test_a_probe_that_was_not_made_or_was_answered_keeps_nobody_out(
    asked: Asked, model: ScriptedModel, line: Line
) -> None:
    breaker = LocalBreaker(0.05)
    asked.kit_options = {"breaker": breaker}
    asked.limits = Limits(max_steps=1, max_seconds=30)  # no ordinary step: the closing call is the probe
    breaker.record_failure(asked.model(0).key, opens=True)
    time.sleep(0.1)
    model.script = lambda request: line
    asked.answer()
    assert len(model.requests) == 1
    assert breaker.allows(asked.model(0).key)


def test_a_stream_that_breaks_in_a_tool_call_is_charged_as_held(asked: Asked, model: ScriptedModel) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look_up", "arguments": "{"}}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    begun = chunk | {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
    model.script = lambda request: Raw(f"data: {json.dumps(begun)}\n\n".encode())
    asked.price = PRICE
    asked.kit_options = {"call_policy": CallPolicy(n_retries=0)}
    asked.answer()
    rows = asked.query("SELECT cost_usd, reserved_usd FROM model_calls WHERE purpose = 'step'")
    assert [row.cost_usd for row in rows] == [row.reserved_usd for row in rows]
    assert rows[0].cost_usd > 0


@pytest.mark.parametrize("price", [FREE, PRICE])
def test_the_length_of_what_costs_is_never_left_without_a_bound(
    asked: Asked, model: ScriptedModel, price: pricing.Price
) -> None:
    def script(request: dict[str, Any]) -> Line:
        named = [name for name in ("max_tokens", "max_completion_tokens") if name in request]
        return Fail(400, message=f"Unsupported parameter: '{named[0]}'") if named else Say("5 days [1].")

    model.script = script
    asked.models = [Model(f"openai/uncapped-{price.is_free}", model.base_url, price=price)]
    end = asked.answer()
    assert [next((n for n in request if n.startswith("max_")), "") for request in model.requests][:2] == [
        "max_tokens",
        "max_completion_tokens",
    ]
    assert end.reason == ("answered" if price.is_free else "provider_down")


def test_a_rate_limit_is_waited_out_as_long_as_the_provider_asks(asked: Asked, model: ScriptedModel) -> None:
    lines: list[Line] = [Fail(429, {"Retry-After": "1"}), Say("5 days [1].")]
    model.script = lambda request: lines[len(model.requests) - 1]
    started = time.monotonic()
    assert asked.answer().text == "5 days [1]."
    assert time.monotonic() - started >= 1


def test_a_rate_limit_too_long_to_wait_for_is_left_to_the_next_model(both: Asked, model: ScriptedModel) -> None:
    model.script = lambda request: Fail(429, {"Retry-After": "300"})
    assert both.answer().text == "Second: 5 days [1]."
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
        ("seed", "Unrecognized request argument supplied: seed"),
        ("tools", "registry.example/library/old does not support tools"),
    ],
)
def test_a_parameter_a_model_refuses_is_not_sent_again_and_the_record_says_so(
    asked: Asked, model: ScriptedModel, refused: str, message: str
) -> None:
    model.script = lambda request: Fail(400, message=message) if refused in request else Say("5 days [1].")
    asked.models = [Model(f"openai/refuses-{refused}", model.base_url)]
    assert asked.answer().text == "5 days [1]."
    assert asked.answer(asked.ask(key="again")).reason == "answered"
    assert [refused in request for request in model.requests] == [True, False, False]
    (first, again) = asked.query("SELECT params, n_tries FROM model_calls ORDER BY id")
    assert refused not in first.params
    assert (first.n_tries, again.n_tries) == (2, 1)


def test_a_model_without_tools_answers_from_what_was_looked_up(both: Asked, model: ScriptedModel) -> None:
    """Even where another model called tools before it failed."""
    lines: list[Line] = [Call([("look_up", {"query": "more"})]), Fail(400)]
    model.script = lambda request: lines[min(len(model.requests), 2) - 1]
    plain = Model("openai/plain", both.models[1].base_url, has_tools=False)  # type: ignore[union-attr]
    both.models = [model, plain]
    assert both.answer().text == "Second: 5 days [1]."
    (request,) = both_requests(both, plain)
    assert "tools" not in request
    assert [m["role"] for m in request["messages"]] == ["system", "user", "user"]
    assert request["messages"][2]["content"].startswith('<evidence tool="look_up">')


def both_requests(both: Asked, model: Model) -> list[dict[str, Any]]:
    bodies = both.query(
        "SELECT body FROM model_calls JOIN blobs ON hash = request_hash WHERE model = :model", model=model.name
    )
    found = []
    for (body,) in bodies:
        messages = [both.query("SELECT body FROM blobs WHERE hash = :h", h=h)[0][0] for h in body["messages"]]
        tools = both.query("SELECT body FROM blobs WHERE hash = :h", h=body["tools"])[0][0]
        found.append({"messages": messages, **({"tools": tools} if tools else {})})
    return found


def test_models_come_from_the_settings_in_order_each_with_its_address() -> None:
    settings = AgentSettings(
        model="openai/own",
        model_api_base="http://one.example/v1",
        fallback_models="openai/spare@http://two.example/v1, anthropic/claude-sonnet-4-5",
        model_prices="openai/own=free, openai/spare=1/4",
        models_without_tools="openai/own",
    )
    own, spare, claude = models.resolve(settings)
    assert (own.name, own.api_base, own.has_tools, own.price) == (
        "openai/own",
        "http://one.example/v1",
        False,
        FREE,
    )
    assert (spare.name, spare.api_base, spare.has_tools) == ("openai/spare", "http://two.example/v1", True)
    assert spare.price.completion == Decimal("0.000004")
    assert claude.price.prompt == Decimal("0.000003")
    assert claude.max_prompt_tokens == 200_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "openai/own"}, "The price of openai/own is not known"),
        ({"model": "openai/own", "fallback_models": "openai/b"}, "The price of openai/b is not known"),
        ({"model": "openai/own", "model_prices": "openai/own=cheap"}, "'openai/own=cheap' is not usable"),
        ({"model": "openai/own", "model_prices": "openai/own=-1/2"}, "is not usable"),
        ({"model": "openai/own", "model_prices": "openai/own=3"}, "is not usable"),
    ],
)
def test_a_price_that_is_not_known_or_not_one_is_said_before_anything_runs(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        models.resolve(AgentSettings(**given))  # type: ignore[arg-type]


def test_a_price_for_all_fits_models_that_the_list_does_not_know() -> None:
    own, known = models.resolve(
        AgentSettings(model="openai/own", fallback_models="openai/gpt-5-mini", model_prices="free")
    )
    assert own.price.is_free
    assert not known.price.is_free


def test_the_operators_price_is_what_is_charged() -> None:
    price = pricing.parse("m=1/10")["m"]
    cost = price.cost(prompt_tokens=1_000, cached_tokens=400, completion_tokens=100)
    assert cost == Decimal("0.002")


def test_a_provider_that_keeps_prompts_is_told_how_far() -> None:
    """Instructions and tools; and the whole, which the next step begins with."""
    messages: list[Message] = [
        {"role": "system", "content": "Instructions"},
        {"role": "user", "content": "Question"},
        {"role": "assistant", "content": None, "tool_calls": [_call()]},
        {"role": "tool", "tool_call_id": "c", "content": "{}"},
    ]
    request = Request(Model("anthropic/claude-sonnet-4-5"), messages, [look_up.schema()], None, 100)
    assert models.describe_params(request)["cache_control"] == [0, 3]
    sent = AnthropicConfig().transform_request(
        "claude-sonnet-4-5", client._mark_cache_breakpoints(request), {"max_tokens": 100}, {}, {}
    )
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral"}
    last = sent["messages"][-1]["content"][-1]
    assert (last["type"], last["cache_control"]) == ("tool_result", {"type": "ephemeral"})
    assert json.dumps(sent["messages"]).count("cache_control") == 1
    assert models.choose_cache_breakpoints(Request(Model("openai/gpt-5-mini"), messages, [], None, 100)) == ()


def test_time_to_the_first_token_is_measured_apart_from_the_whole(model: ScriptedModel) -> None:
    model.script = lambda request: Say("word " * 20, seconds=0.6)
    completion = Completion()
    request = Request(Model("openai/scripted", model.base_url), [{"role": "user", "content": "x"}], [], None, 100)
    for _ in client.stream(request, completion, deadline=time.monotonic() + 30, policy=CallPolicy()):
        pass
    assert completion.first_token_ms is not None
    assert completion.first_token_ms < completion.latency_ms


def test_calls_with_little_time_left_share_their_connections(model: ScriptedModel) -> None:
    """litellm keeps a client for each timeout it is given: each had connections of its own."""
    model.script = lambda request: Fail(400)
    request = Request(Model("openai/scripted", model.base_url), [{"role": "user", "content": "x"}], [], None, 100)
    for n in range(5):
        with pytest.raises(ModelError):
            list(
                client.stream(request, Completion(), deadline=time.monotonic() + 9.9 - n / 10, policy=CallPolicy())
            )
    clients = litellm_setup.litellm().in_memory_llm_clients_cache.cache_dict
    assert sum(model.base_url in key for key in clients) == 1


def test_a_call_loads_no_tokenizer_until_one_is_used(model: ScriptedModel) -> None:
    """In a process of its own, because other tests use LiteLLM's tokenizer."""
    model.script = lambda request: Say("word " * 20)
    program = (
        "import sys, time\n"
        "from agent.llm import client, litellm_setup\n"
        "from agent.llm.request import Completion, Model, Request\n"
        f"model = Model('openai/scripted', {model.base_url!r})\n"
        "request = Request(model, [{'role': 'user', 'content': 'x'}], [], None, 100)\n"
        "policy, deadline = client.CallPolicy(), time.monotonic() + 60\n"
        "events = client.stream(request, Completion(), deadline=deadline, policy=policy)\n"
        "said = ''.join(event for event in events if isinstance(event, str))\n"
        "tokenizer = litellm_setup.litellm().main._get_encoding()\n"
        "print(len(said.split()), litellm_setup.TOKENIZER in sys.modules, end=' ')\n"
        "print(tokenizer.encode('two words'), litellm_setup.TOKENIZER in sys.modules)\n"
    )
    environment = os.environ | {"OPENAI_API_KEY": "sk-test"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "20 False [20375, 4339] True"


def test_a_fallback_that_fails_too_uses_up_steps_and_the_turn_still_ends(both: Asked) -> None:
    for scripted in both.models:
        scripted.script = lambda request: Fail(500)  # type: ignore[union-attr]
    both.limits = Limits(max_steps=2, max_seconds=30)
    assert both.answer().text == "Quoted: 5 days [1]."


def _call() -> MessageToolCall:
    return {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"query":"x"}'}}
