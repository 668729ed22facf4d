"""What a provider's failure means, in words: of the error itself, and of its record."""

import pytest

from agent.errors import ModelError
from agent.llm import failures, models
from agent.llm.model_names import is_local
from agent.llm.provider_errors import translate
from agent.llm.request import Model, Request
from agent.settings import EXTRACTIVE_MODEL


class AuthenticationError(Exception):
    pass


class InternalServerError(Exception):
    status_code = 500


class APIConnectionError(Exception):
    """As LiteLLM calls an error event."""

    status_code = 500


class Event(Exception):
    def __init__(self, body: object) -> None:
        super().__init__("scripted")
        self.body = body


REQUEST = Request(Model("openai/x", "http://me:hunter2@host:1/v1"), (), (), None, 10)


@pytest.mark.parametrize(
    ("error", "why", "is_transient"),
    [
        (AuthenticationError("bad"), "the provider rejects the key, or got none", False),
        (
            InternalServerError("The api_key client option must be set by OPENAI_API_KEY"),
            "the provider rejects the key, or got none",
            False,  # it was never sent
        ),
        (InternalServerError("Connection error."), "the provider cannot be reached at http://host:1/v1", True),
        (InternalServerError("oops"), "the provider has an outage", True),
        (ConnectionRefusedError("connect"), "the provider cannot be reached at http://host:1/v1", True),
        (ValueError("oops"), "the model call failed: ValueError", False),
    ],
)
def test_a_failure_is_recorded_in_words(error: Exception, why: str, is_transient: bool) -> None:
    failure = translate(error, REQUEST)
    assert str(failure).startswith(why)
    assert failure.is_transient is is_transient
    assert "hunter2" not in str(failure)


@pytest.mark.parametrize(
    ("body", "failure", "is_transient"),
    [
        ({"type": "authentication_error"}, failures.KEY, False),
        ({"code": 403}, failures.KEY, False),
        ({"code": "insufficient_quota"}, failures.QUOTA, False),
        ({"type": "not_found_error"}, failures.NO_MODEL, False),
        ({"type": "rate_limit_error"}, failures.RATE_LIMIT, True),
        ({"type": "invalid_request_error"}, failures.REJECTED, False),
        ("invalid_request_error: it is too long", failures.REJECTED, False),
        ("Internal server error", failures.OUTAGE, True),
        ({"message": "scripted"}, failures.OUTAGE, True),
    ],
)
def test_an_error_event_is_not_a_provider_that_cannot_be_reached(
    body: object, failure: failures.ProviderFailure, is_transient: bool
) -> None:
    error = APIConnectionError("connect")
    error.__cause__ = Event(body)
    translated = translate(error, REQUEST)
    assert str(translated).startswith(f"{failure.why} (")
    assert translated.is_transient is is_transient


def test_what_is_recorded_says_what_to_do() -> None:
    recorded = str(translate(AuthenticationError("sk-hunter2 is wrong"), REQUEST))
    assert "hunter2" not in recorded
    assert failures.explain_recorded(recorded) == (f"{recorded}.", failures.KEY.advice)
    assert failures.explain_recorded("the model call failed: ValueError")[1] == failures.UNKNOWN_ADVICE
    assert failures.explain(ModelError("x"), "openai/x")[0] == "the call failed (ModelError)"


def test_a_missing_key_and_an_unknown_provider_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    recorded = str(translate(AuthenticationError("none"), REQUEST))
    assert models.explain_failure("openai/gpt-5-mini", recorded)[0] == "OPENAI_API_KEY is not set."
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    assert models.explain_failure("openai/gpt-5-mini", recorded)[0] == f"{recorded}."
    assert models.explain_failure("nobody-knows", recorded)[0] == "LiteLLM knows no provider for 'nobody-knows'."
    assert failures.explain_missing(["AWS_REGION_NAME"]) is None
    assert is_local(EXTRACTIVE_MODEL)
