"""LiteLLM, imported and configured: the only place that imports it.

Promises: the price list is the local one, and nothing is sent anywhere but to the configured provider.
"""

import os
from functools import cache
from importlib import import_module
from typing import Any

LAZY_IMPORTS = (  # together 60 MB: a tokenizer's table, the OpenAI client's resources
    "litellm.litellm_core_utils.default_encoding",
    "openai.lib.streaming.chat",
    "openai.resources",
)

Response = Any  # LiteLLM's responses, and the iterators of chunks that become one
Chunk = Any  # LiteLLM's ModelResponseStream


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
