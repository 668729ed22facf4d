"""LiteLLM, imported and configured: the only place that imports it.

Promises: the price list is the local one, and nothing is sent anywhere but to the configured provider.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from agent.llm import local_provider
from agent.types import Message, ToolSchema

LAZY_IMPORTS = (  # together 60 MB: a tokenizer's table, the OpenAI client's resources
    "litellm.litellm_core_utils.default_encoding",
    "openai.lib.streaming.chat",
    "openai.resources",
)

Response = Any  # LiteLLM's responses, and the iterators of chunks that become one
Chunk = Any  # LiteLLM's ModelResponseStream
Complete = Callable[[Sequence[Message], Sequence[ToolSchema], str | None], Message]


@cache
def litellm() -> Any:
    """Imports LiteLLM; the first time takes seconds."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches a price list
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True  # else each chunk starts an event loop in a thread, for callbacks
    litellm.drop_params = True
    litellm.num_retries = 0
    litellm.DEFAULT_MAX_RETRIES = 0  # else embedding() takes max_retries=0 for "as usual", two (1.106)
    return litellm


def warm_up() -> None:
    """Imports LiteLLM now (seconds), with the modules of its first call, so that no question waits for it and
    forked processes share it."""
    litellm()
    for name in LAZY_IMPORTS:
        import_module(name)


def register_local(complete: Complete, *, words_per_second: float = 0) -> None:
    """Registers ``complete``, a function from messages, tools and tool choice to an assistant message, as the
    model ``local/…``. ``words_per_second`` slows its text down to the pace of a language model; 0 sends it at
    once."""
    sdk = litellm()

    class Local(sdk.CustomLLM):  # type: ignore[misc, name-defined]
        """LiteLLM's interface for models that are Python functions."""

        def streaming(self, *_: Any, **call: Any) -> Iterator[local_provider.GenericChunk]:
            params = call["optional_params"]
            message = complete(call["messages"], params.get("tools") or (), params.get("tool_choice"))
            yield from local_provider.stream_chunks(message, words_per_second)

    sdk.custom_provider_map = [{"provider": "local", "custom_handler": Local()}]
    sdk.utils.custom_llm_setup()
