"""``make demo`` as a new user meets it: the real command, in a folder with spaces, killed and started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bot.simulator import ADA, HELP
from tests.command import Docent
from tests.system import HANDBOOK, QUESTION, ROOT, ForkServer, free_port

READY_SECONDS = 120


class Demo:
    """The process, and what a person at its page does."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.url = ""
        self._output = folder / "output.txt"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> None:
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot", "demo", "--no-browser", *arguments],
                cwd=ROOT,
                env=os.environ | self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)

    def wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while "Ctrl-C stops everything" not in self.said():
            assert self._processes[-1].poll() is None, self.said()
            assert time.monotonic() < until, self.said()
            time.sleep(0.1)
        found = re.search(r"http://127\.0\.0\.1:\d+", self.said())
        assert found
        self.url = found[0]

    def said(self) -> str:
        return self._output.read_text()

    def end(self) -> tuple[int, str]:
        """Exit code and output of a demo that ends by itself."""
        return self._processes[-1].wait(READY_SECONDS), self.said()

    def signal(self, number: int) -> int:
        self._processes[-1].send_signal(number)
        return self._processes[-1].wait(120)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self._processes[-1].pid).children(recursive=True)

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.terminate()
                process.wait(120)

    def act(self, action: str, **args: Any) -> Any:
        body = json.dumps({"user": ADA, "action": action, "args": args}).encode()
        request = urllib.request.Request(
            f"{self.url}/_control/act", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.loads(response.read())["result"]

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=120) as response:
            return json.loads(response.read())

    def answers(self, ts: str, n: int = 1) -> list[str]:
        """The thread's replies, once there are ``n`` whole ones."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            thread = self.get(f"/_control/messages?channel=%23help&thread_ts={ts}")["messages"]
            replies = [message for message in thread[1:] if message["bot_id"]]
            if len(replies) >= n and all("Sources:" in message["plain"] for message in replies):
                return [message["plain"] for message in replies]
            time.sleep(0.1)
        raise AssertionError(f"no answer: {thread}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo in a home folder with spaces and letters beyond ASCII, beside a .env of a real workspace."""
    env = {
        "DOCENT_HOME": str(tmp_path / "Zoë's home"),
        "SLACK_APP_TOKEN": "xapp-of-a-real-workspace",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real",
        "DOCENT_EXTRACTIVE_WORDS_PER_SECOND": "0",
    }
    demo = Demo(tmp_path, env)
    yield demo
    demo.close()


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "our documents"
    folder.mkdir()
    for name, content in HANDBOOK.items():
        (folder / name).write_text(content)
    return folder


def test_asked_killed_started_again_and_stopped(demo: Demo, docs: Path) -> None:
    demo.start("--docs", str(docs), "--port", str(free_port()))
    demo.wait_until_ready()
    ts = demo.act("mention", channel="#help", text=QUESTION)
    (answer,) = demo.answers(ts)
    assert "5 days" in answer
    assert f"{demo.url}/docs/leave" in answer
    assert b"28 days" in urllib.request.urlopen(f"{demo.url}/docs/leave", timeout=120).read()
    (turn,) = demo.get(f"/_control/story?channel={HELP}&thread_ts={ts}")["turns"]
    assert turn["question"] == QUESTION
    assert turn["tool_calls"][0]["name"] == "search_docs"

    second = Demo(demo.folder / "second", demo.env)
    second.folder.mkdir()
    second.start("--docs", str(docs))
    code, output = second.end()
    assert code == 2
    assert output.splitlines()[-1] == (
        f"docent: A demo is already running here: {demo.url}. Stop it with Ctrl-C in its terminal first."
    )

    first = demo.children()
    demo.signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(first, 15)
    assert alive == []

    demo.start("--docs", str(docs), "--port", str(free_port()))
    demo.wait_until_ready()
    assert demo.answers(ts) == [answer]
    (web,) = [process for process in demo.children() if process.cmdline()[-1] == "web"]
    web.kill()
    demo.act("say", channel="#help", text="And what may a hotel cost per night?", thread_ts=ts)
    assert "140 euros" in demo.answers(ts, 2)[1]
    assert "web ended (signal 9) and was restarted" in demo.said()
    later = demo.children()
    assert demo.signal(signal.SIGINT) == 0
    assert "Stopped. All data is kept in" in demo.said()
    assert not [process for process in later if process.is_running()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--docs", "no/such/folder"], "no/such/folder does not exist. Give a folder with documents"),
        (["--docs", "file"], "file is not a folder."),
        (
            ["--port", "taken"],
            "is taken: another program, perhaps another Docent, listens there. Stop it, or choose another port",
        ),
        (["--docs", "empty"], "There are no documents in"),
        (["--docs", "documents", "--home", "file"], "Set DOCENT_HOME to a folder you can write to."),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    zygote: ForkServer, tmp_path: Path, docs: Path, arguments: list[str], said: str
) -> None:
    docent = Docent(zygote, tmp_path, {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/real"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("in the way")
    home = {}
    if "--home" in arguments:
        home = {"DOCENT_HOME": str(tmp_path / "file" / "home")}
        arguments = arguments[:-2]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = {"taken": str(taken.getsockname()[1]), "documents": str(docs)}
        done = docent("demo", "--no-browser", *[given.get(argument, argument) for argument in arguments], **home)
    output = done.out + done.err
    assert (done.code, "Traceback" in output) == (2, False)
    assert said in output
