"""Files of the app, as Slack takes them: announced, sent, shared."""

import urllib.request
from typing import Any

import pytest

from bot.simulator import ADA, HELP
from tests.bot.simulator.conftest import Served


def upload(served: Served, content: bytes, *, length: int | None = None) -> tuple[str, int]:
    """Announces and sends a file; returns its id and the status of the sending."""
    told = served.client.files_getUploadURLExternal(filename="table.csv", length=length or len(content))
    request = urllib.request.Request(told["upload_url"], data=content, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return told["file_id"], answer.status
    except urllib.error.HTTPError as error:
        with error:
            return told["file_id"], error.code


def test_a_file_is_shared_in_a_thread_once_and_can_be_fetched(shared: Served) -> None:
    root = shared.workspace.person(ADA).say(HELP, "A table, please")
    file_id, status = upload(shared, b"a,b\r\n1,2\r\n")
    assert status == 200
    channel = shared.workspace.directory.find_channel(HELP).id
    told: Any = shared.client.files_completeUploadExternal(
        files=[{"id": file_id, "title": "The table"}], channel_id=channel, thread_ts=root
    )
    (reply,) = shared.workspace.thread(HELP, root)[1:]
    assert (reply.subtype, reply.plain) == ("file_share", "table.csv")
    address = told["files"][0]["url_private"]
    read = urllib.request.Request(address, headers={"Authorization": f"Bearer {shared.workspace.app.bot_token}"})
    for request in (
        read,
        shared.server.api_url.removesuffix("/api/") + f"/files/{file_id}/table.csv",
    ):  # as the app reads it, and as the page does
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.read() == b"a,b\r\n1,2\r\n"
    again = shared.refusal("files.completeUploadExternal", files=[{"id": file_id}], channel_id=channel)
    assert again == "file_not_found"


@pytest.mark.parametrize("length", [0, -1, "many"])
def test_a_file_without_a_size_is_not_announced(shared: Served, length: object) -> None:
    assert shared.refusal("files.getUploadURLExternal", filename="a.csv", length=length) == "invalid_arguments"


def test_a_file_whose_content_did_not_come_is_not_shared(shared: Served) -> None:
    file_id, status = upload(shared, b"abc", length=4)
    assert status == 400
    assert shared.refusal("files.completeUploadExternal", files=[{"id": file_id}]) == "file_not_found"
