"""A scripted model as a process: a tool five times, then an answer. Ends with its standard input."""

import sys
from typing import Any

from tests.scripted_model import Call, Line, Say, ScriptedModel

N_CALLS = 5


def script(request: dict[str, Any]) -> Line:
    n_calls = sum(message["role"] == "tool" for message in request["messages"])
    return (
        Call([("look_up", {"query": f"days {n_calls}"})]) if n_calls < N_CALLS else Say("At most five days [1].")
    )


if __name__ == "__main__":
    with ScriptedModel(script) as model:
        print(model.base_url, flush=True)
        sys.stdin.read()
