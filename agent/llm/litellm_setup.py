"""LiteLLM, imported and configured: the only place that imports it.

Promises: the price list is the local one, and nothing is sent anywhere but to the configured provider.
"""

import os
from functools import cache
from importlib import import_module
from typing import Any

LAZY_IMPORTS = (  # of the first call; together 20 MB, and more than a second
    "httpcore",
    "litellm._service_logger",
    "litellm.llms.vertex_ai.vertex_ai_partner_models.anthropic.transformation",
    "litellm.proxy.openai_files_endpoints.common_utils",
    "litellm.types.litellm_core_utils.streaming_chunk_builder_utils",
    "openai.lib.streaming.chat",
    "openai.resources",
)
TOKENIZER = "litellm.litellm_core_utils.default_encoding"

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
    _leave_out_tokenizers(litellm)
    litellm.num_retries = 0
    litellm.DEFAULT_MAX_RETRIES = 0  # else embedding() takes max_retries=0 for "as usual", two (1.106)
    return litellm


class LazyTokenizer:
    """Stands in for the tokenizer that LiteLLM hands to every provider, and loads it for the few that use it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(TOKENIZER).encoding, name)


def _leave_out_tokenizers(litellm: Any) -> None:
    """Frees 50 MB of each process: tokens that a provider does not count are estimated by our own rule."""
    litellm.disable_token_counter = True
    litellm.main._encoding_cache = LazyTokenizer()  # else each call loads the real one
    del litellm.utils.json_data  # Claude's, read at the import; what is used of it is a string made from it


def warm_up() -> None:
    """Imports LiteLLM now (seconds), with the modules of its first call, so that no question waits for it and
    forked processes share it."""
    litellm()
    for name in LAZY_IMPORTS:
        import_module(name)
