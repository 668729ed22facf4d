"""What goes wrong in the simulator.

Owns two exceptions. `SlackError` is Slack's answer to the app: it becomes `{"ok": false, "error": code}`.
`WorkspaceError` tells the author of a test that they asked for something no person in Slack could do.
"""


class SlackError(Exception):
    """Reader: the app. `messages` go under `response_metadata`, `fields` beside `error`."""

    def __init__(self, code: str, *messages: str, **fields: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.fields = fields

    def body(self) -> dict[str, object]:
        """Returns the JSON that Slack answers with."""
        answer: dict[str, object] = {"ok": False, "error": self.code, **self.fields}
        if self.messages:
            answer["response_metadata"] = {"messages": list(self.messages)}
        return answer


class WorkspaceError(Exception):
    """Reader: the code that drives the workspace."""


def invalid_arguments(problem: str) -> SlackError:
    """Returns the error for an argument of the wrong form, with Slack's `[ERROR]` line."""
    return SlackError("invalid_arguments", f"[ERROR] {problem}")
