"""What a call used and cost: as the provider counted it, where that can be believed, else as estimated here.

Promises that a call to a priced model is charged at least its estimate where the provider counted nothing, and
that an estimate is marked as one. What is estimated is rather too high, like what was held for the call.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agent.llm.litellm_setup import litellm
from agent.llm.request import Model, Request
from agent.llm.tokens import BYTES_PER_PROMPT_TOKEN, estimate_prompt_tokens
from agent.types import JsonObject, Usage

SLACK_TOKENS = 10_000  # of what a provider may add to a prompt, or think beside an answer
MOST_TIMES_OVER = 10  # an answer is at most so many times as long as was asked for: thoughts may not count there


def read(request: Request, message: Mapping[str, Any], reported: Any) -> Usage:
    """Returns the usage of a call; ``message`` is everything it wrote, ``reported`` LiteLLM's usage, or None."""
    n_prompt, n_written = request.estimate_tokens(), _estimate_written(message)
    prompt = _believe(reported, "prompt_tokens", n_prompt * BYTES_PER_PROMPT_TOKEN + SLACK_TOKENS)
    longest = MOST_TIMES_OVER * max(request.max_completion_tokens, n_written) + SLACK_TOKENS
    completion = _believe(reported, "completion_tokens", longest)
    is_empty = not n_written and not getattr(reported, "completion_tokens", None)
    if prompt and (completion or is_empty):
        return _charge_as_reported(request.model, prompt, completion, reported)
    prompt, completion = prompt or n_prompt, completion or min(n_written, request.max_completion_tokens)
    cost_usd = request.model.price.cost(prompt_tokens=prompt, cached_tokens=0, completion_tokens=completion)
    return Usage(prompt, 0, completion, cost_usd, is_estimated=True)


def _estimate_written(message: Mapping[str, Any]) -> int:
    parts = (message.get("content"), message.get("reasoning_content"), message.get("tool_calls"))
    written = "".join(str(part) for part in parts if part)
    return max(1, estimate_prompt_tokens(written)) if written else 0


def _believe(reported: Any, name: str, most: int) -> int:
    """Returns a count, or 0 where none came that can be right."""
    count = getattr(reported, name, None)
    return int(count) if isinstance(count, int | float) and 0 < count <= most else 0


def _charge_as_reported(model: Model, prompt: int, completion: int, reported: Any) -> Usage:
    details = getattr(reported, "prompt_tokens_details", None)
    cached = min(_believe(details, "cached_tokens", prompt), prompt)
    cost_usd = model.price.cost(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
    if not model.price.is_flat:
        cost_usd = _listed_cost(model, reported) or cost_usd
    return Usage(prompt, cached, completion, cost_usd)


def _listed_cost(model: Model, reported: Any) -> Decimal | None:
    """Asks the price list for the sum: it knows the price of cache writes, and prices that rise with the
    length."""
    response = litellm().ModelResponse(model=model.name, usage=reported)
    try:
        return Decimal(str(litellm().completion_cost(completion_response=response, model=model.name)))
    except Exception:  # noqa: BLE001  litellm raises a bare Exception where it cannot tell
        return None


def describe(usage: Usage, reported: Any) -> JsonObject:
    """Returns the usage as the record's response holds it: the provider's own, or ours with a mark."""
    if usage.is_estimated or reported is None:
        counts = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
        return {**counts, "is_estimated": usage.is_estimated}
    own: JsonObject = reported.model_dump(mode="json", exclude_none=True)
    return own
