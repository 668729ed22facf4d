"""What Prometheus sees of Docent at work: right numbers over several processes, and nothing about anybody."""

import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.simulator import ADA, HELP
from tests.scripted_model import Fail, Line, Say, ScriptedModel
from tests.system import QUESTION, WAIT_SECONDS, System, free_ports

TOKEN = "a-token-of-prometheus"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(port: int, token: str = TOKEN) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(fetch(port, token))
        for sample in family.samples
    }


def fetch(port: int, token: str = TOKEN, path: str = "/metrics") -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"} if token else {}
    )
    wait_until_listening(port)
    with urllib.request.urlopen(request, timeout=120) as response:
        return str(response.read().decode())


def wait_until_listening(port: int) -> None:
    """Waits for a worker's exporter: a process of its own, which may come after the first answer."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens at port {port}")


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of what has these labels among its own."""
    return sum(n for (named, own), n in samples.items() if named == name and labels.items() <= dict(own).items())


@pytest.fixture
def port(world: System) -> int:
    """Where the web process tells its metrics; the worker's is one above, the clock's two."""
    port = free_ports(3)
    world.env |= {"DOCENT_METRICS_PORT": str(port), "DOCENT_METRICS_TOKEN": TOKEN}
    return port


def test_an_answered_question_is_counted_and_nobody_is_named(world: System, port: int) -> None:
    world.start("web", "worker", "clock")
    world.workspace.person(ADA).mention(HELP, QUESTION)
    (turn,) = world.wait_for_turns(1)
    assert turn.reason == "answered"
    worker = world.wait_for(lambda: found if value(found := scrape(port + 1), "docent_questions_total") else None)
    assert value(worker, "docent_questions_total", outcome="completed", reason="answered") == 1
    assert value(worker, "docent_first_text_seconds_count") == 1
    assert value(worker, "docent_done_seconds_count", outcome="completed") == 1
    done = value(worker, "docent_done_seconds_sum")
    assert 0 < value(worker, "docent_first_text_seconds_sum") <= done
    assert value(worker, "docent_model_calls_total", model="local/extractive", outcome="ok") >= 1
    assert value(worker, "docent_leases_lost_total") == 0
    assert ("docent_leases_lost_total", frozenset()) in worker
    world.wait_for(lambda: value(scrape(port + 1), "docent_index_rows") > 0)
    web = scrape(port)
    assert value(web, "docent_acknowledged_seconds_count", kind="event") >= 1
    assert value(web, "docent_dependency_up") == 2
    assert value(web, "docent_workers") == 1
    assert value(web, "docent_documents") == 4
    assert value(web, "docent_questions_open") == 0
    assert value(web, "docent_budget_limit_usd", period="day") == 25
    assert value(scrape(port + 2), "docent_slack_rate_limited_total") == 0  # the clock tells its own
    told = fetch(port) + fetch(port + 1)
    for secret in (ADA, HELP, "annual leave", turn.question, str(turn.session_id), "leave.md"):
        assert secret not in told


def test_a_killed_worker_leaves_what_it_counted_and_all_processes_add_up(world: System, port: int) -> None:
    log = world.folder / "worker-0.log"
    world.start("web")
    parent = world.zygote.fork(env=world.env, log=str(log), arguments=["worker", "--processes", "2"])
    world.running["worker"] = [parent]
    world.wait_for(lambda: log.exists() and log.read_text().count("worker_ready") == 2)
    for n in range(1, 4):
        world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(n)
    world.wait_for(lambda: value(scrape(port + 1), "docent_questions_total") == 3)
    for child in workers_of(parent):
        child.kill()
    world.wait_for(lambda: log.read_text().count("worker_ready") == 4)
    assert value(scrape(port + 1), "docent_questions_total") == 3
    world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for(lambda: value(scrape(port + 1), "docent_questions_total") == 4)
    (folder,) = folders_of(parent)
    world.kill("worker")
    world.wait_for(lambda: not folder.exists())  # the exporter has ended, too, and leaves nothing behind


def workers_of(parent: psutil.Process) -> list[psutil.Process]:
    """Those that answer: they have a process of their own, which renews their leases."""
    return [child for child in parent.children() if child.children()]


def folders_of(parent: psutil.Process) -> set[Path]:
    """Where its workers count."""
    files = (Path(file.path) for child in parent.children(recursive=True) for file in child.memory_maps())
    return {file.parent for file in files if file.suffix == ".db"}


def test_a_model_that_fails_is_counted_with_what_it_took(world: System, port: int) -> None:
    lines: list[Line] = [Fail(401), Say("You can carry over 5 days of annual leave [1].")]
    with ScriptedModel(lambda request: lines[min(len(model.requests), 2) - 1]) as model:
        world.env |= {
            "DOCENT_MODEL": "openai/scripted",
            "DOCENT_FALLBACK_MODELS": f"openai/other@{model.base_url}",
            "DOCENT_MODEL_API_BASE": model.base_url,
        }
        world.start("web", "worker")
        world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(1)
        samples = scrape(port + 1)
    assert value(samples, "docent_model_calls_total", model="openai/scripted", outcome="failed") == 1
    assert value(samples, "docent_model_calls_total", model="openai/other", outcome="ok") == 1
    assert (
        value(samples, "docent_model_tokens_total", model="openai/other", kind="prompt") == 100
    )  # as the model says


@pytest.fixture
def addresses(world: System, port: int) -> tuple[int, int]:
    world.start("web")
    return port, int(world.env["PORT"])


def test_without_the_token_nothing_is_told_at_either_port(addresses: tuple[int, int]) -> None:
    for each in addresses:
        assert "docent_dependency_up" in fetch(each)
        for token in ("", "wrong", TOKEN + "x"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                fetch(each, token)
            with refused.value as response:
                assert (response.code, response.read()) == (
                    401,
                    b"DOCENT_METRICS_TOKEN is needed, as a bearer token.\n",
                )
    with pytest.raises(urllib.error.HTTPError) as missing:
        fetch(addresses[0], path="/")
    with missing.value as response:
        assert response.code == 404


def test_without_settings_there_are_no_metrics(world: System) -> None:
    world.start("web")
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(int(world.env["PORT"]))
    with refused.value as response:
        assert response.code == 404


def test_a_port_that_is_taken_costs_the_metrics_and_no_answer(world: System, port: int) -> None:
    with socket.socket() as first, socket.socket() as second:
        for taken, number in ((first, port), (second, port + 1)):
            taken.bind(("127.0.0.1", number))
            taken.listen()
        world.start("web", "worker")
        world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(1)
    assert world.logs().count("metrics_port_unusable") == 2
    assert f"Port {port} of 127.0.0.1 is taken" in world.logs()
