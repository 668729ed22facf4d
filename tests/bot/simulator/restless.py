"""A process that works in a workspace with an archive until it is killed, and says of each thing when it is done.

`python -m tests.bot.simulator.restless FILE REQUEST_URL` prints one JSON array per line: posted, grew or deleted
with the ts (and text), acked with the id of an event.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

from slack_sdk import WebClient

from bot.simulator import ADA, HELP, InstalledApp, Timing, Workspace, WorkspaceServer

RECIPIENT: dict[str, Any] = {"recipient_team_id": "T0STANDIN01", "recipient_user_id": ADA}


def main(archive: Path, request_url: str) -> None:
    workspace = Workspace(InstalledApp(request_url), timing=Timing((600.0,)), archive=archive)
    ada = workspace.person(ADA)
    with WorkspaceServer(workspace) as server:
        client = WebClient(workspace.app.bot_token, base_url=server.api_url)
        n_told = 0
        for n in itertools.count():
            question = ada.mention(HELP, f"question {n}")
            say("posted", question, f"<@{workspace.app.bot_user_id}> question {n}")
            stream = str(client.chat_startStream(channel=HELP, thread_ts=question, **RECIPIENT)["ts"])
            for length in range(1, 6):
                client.chat_appendStream(channel=HELP, ts=stream, markdown_text=f"word{length} ")
                say("grew", stream, " ".join(f"word{i}" for i in range(1, length + 1)))
            client.chat_stopStream(channel=HELP, ts=stream)
            passing = ada.say(HELP, "passing", question)
            ada.delete(passing)
            say("deleted", passing)
            deliveries = workspace.deliveries
            for delivery in deliveries[n_told:]:
                if delivery.is_acked:
                    say("acked", delivery.event_id)
            n_told = len(deliveries)


def say(*what: str) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
