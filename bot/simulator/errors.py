"""What goes wrong in the stand-in workspace.

Owns two exceptions. `SlackError` is Slack's answer to the app: it becomes `{"ok": false, "error": code}`.
`WorkspaceError` tells the author of a test that they asked for something no person in Slack could do.
"""

from typing import Any


class SlackError(Exception):
    """Reader: the app. `messages` go under `response_metadata`, `fields` beside `error`."""

    def __init__(self, code: str, *messages: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.fields = fields

    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"ok": False, "error": self.code, **self.fields}
        if self.messages:
            answer["response_metadata"] = {"messages": list(self.messages)}
        return answer


class WorkspaceError(Exception):
    """Reader: whoever drives the workspace."""


def invalid_arguments(problem: str) -> SlackError:
    return SlackError("invalid_arguments", f"[ERROR] {problem}")
