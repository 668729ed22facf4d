"""What a provider's failure means, and what to do: the words of the record, of commands and of 'docent doctor'.

Judges by the class and the text of the error, and quotes neither text nor key: a provider's text may hold both.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.errors import DocentError


@dataclass(frozen=True)
class ProviderFailure:
    """A kind of failure. ``signs`` are parts of the lower-cased class and text of the provider's error."""

    signs: tuple[str, ...]
    why: str
    advice: str


KEY = ProviderFailure(
    ("authenticationerror", "api_key", "api key", "permissiondenied"),
    "the provider rejects the key, or got none",
    "Set the provider's key in the environment or in .env (your own server may accept any text), and check that "
    "it may use this model.",
)
UNREACHABLE = ProviderFailure(
    ("apiconnectionerror", "connection error", "connect"),
    "the provider cannot be reached",
    "Check DOCENT_MODEL_API_BASE, the network and HTTPS_PROXY.",
)
QUOTA = ProviderFailure(
    ("insufficient_quota", "quota", "credit balance", "billing"),
    "the provider says that the quota is used up",
    "Check plan and billing in the provider's console.",
)
NO_MODEL = ProviderFailure(
    ("notfounderror", "model_not_found", "does not exist"),
    "the provider has no such model",
    "Check the name in DOCENT_MODEL or DOCENT_EMBEDDING_MODEL, and that your account may use it.",
)
RATE_LIMIT = ProviderFailure(
    ("ratelimit",),
    "the provider's rate limit is reached",
    "Try again in a minute; if it persists, raise the limit with the provider.",
)
TIMEOUT = ProviderFailure(
    ("timeout",),
    "the provider gave no answer in time",
    "Try again; check DOCENT_MODEL_API_BASE and the network.",
)
OUTAGE = ProviderFailure(
    ("serviceunavailable", "internalserver", "badgateway", "overloaded"),
    "the provider has an outage",
    "Try again later; check the provider's status page.",
)
REJECTED = ProviderFailure(
    ("badrequest", "unprocessable"),
    "the provider rejects the request",
    "Use a chat model that supports tools and streaming.",
)
FAILURES = (
    QUOTA,
    KEY,
    NO_MODEL,
    RATE_LIMIT,
    TIMEOUT,
    UNREACHABLE,
    OUTAGE,
    REJECTED,
)  # the first counts
_BY_STATUS = {401: KEY, 402: QUOTA, 403: KEY, 404: NO_MODEL, 408: TIMEOUT, 429: RATE_LIMIT, 504: TIMEOUT}
UNKNOWN_ADVICE = "Check the name, the key and the address."
_NO_KEY = re.compile(r"api[_ ]key.*must be set|missing\b.*\bapi[_ ]key|no api[_ ]key", re.IGNORECASE | re.DOTALL)


def find(error: BaseException, model: str = "") -> ProviderFailure | None:
    """Finds the kind of an error; the model's own name, which an error quotes, tells nothing."""
    text = f"{type(error).__name__} {error}".lower().replace(model.lower() or "\0", "")
    return next((failure for failure in FAILURES if any(sign in text for sign in failure.signs)), None)


def find_by_status(status: int) -> ProviderFailure:
    """Finds the kind of an error that came as an event in a stream, so that the provider was reached."""
    return _BY_STATUS.get(status, OUTAGE if status >= 500 else REJECTED)


def lacks_key(error: BaseException) -> bool:
    """Returns whether a call was not even made, for lack of a key; LiteLLM calls that an error of the server."""
    return bool(_NO_KEY.search(str(error)))


def explain(error: DocentError, model: str) -> tuple[str, str]:
    """Returns what a provider's failure means and what to do."""
    cause = error.__cause__ or error
    failure = find(cause, model)
    if failure:
        return failure.why, failure.advice
    return f"the call failed ({type(cause).__name__})", UNKNOWN_ADVICE


def explain_recorded(text: str) -> tuple[str, str]:
    """Returns the same of an error as a model call's record has it."""
    failure = next((failure for failure in FAILURES if text.startswith(failure.why)), None)
    return f"{text}.", failure.advice if failure else UNKNOWN_ADVICE


def explain_unknown(model: str) -> tuple[str, str]:
    """Says that no provider is known for a model's name."""
    advice = "Write it as provider/model; https://docs.litellm.ai/docs/providers lists the providers."
    return f"LiteLLM knows no provider for '{model}'.", advice


def explain_missing(variables: Sequence[str]) -> tuple[str, str] | None:
    """Says which keys are not set, of the variables that a provider misses; None where no key is among them."""
    keys = [name for name in variables if name.endswith("_API_KEY")]
    if not keys:
        return None
    return (
        f"{' or '.join(keys)} is not set.",
        "Set it in the environment or in .env; your own server may accept any text.",
    )


def describe_address(api_base: str | None) -> str:
    """Returns `` at http://host:port/path``, without user and password; nothing for the provider's own."""
    if not api_base:
        return ""
    parts = urlsplit(api_base)
    return f" at {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
