"""Names of models as operators write them. Imports no SDK, so that every process can read a name."""

from agent.settings import EXTRACTIVE_MODEL

_LOCAL_PREFIX = EXTRACTIVE_MODEL.partition("/")[0] + "/"


def is_local(model: str) -> bool:
    """Returns whether the model runs in this process: it needs no network and has no price."""
    return model.startswith(_LOCAL_PREFIX)


def split_address(text: str) -> tuple[str, str | None]:
    """Splits ``model`` or ``model@base-url`` into the model's name and its base URL.

    >>> split_address("openai/mine@http://localhost:8000/v1")
    ('openai/mine', 'http://localhost:8000/v1')
    """
    name, at, base = text.partition("@http")
    return name, f"http{base}" if at else None
