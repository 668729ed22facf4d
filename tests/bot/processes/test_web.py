"""The web process: what it loads, what it says of itself, what it refuses."""

import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

import psutil
from slack_sdk.signature import SignatureVerifier

from bot.processes import schema_version
from bot.simulator import ADA, HELP
from tests.proxy import Proxy
from tests.system import QUESTION, ROOT, System, get


def test_the_web_process_loads_no_model_and_no_index() -> None:
    program = (
        "import sys, bot.processes.web, bot.slack.listeners, bot.processes.clock, bot.cli.main\n"
        "from bot.settings import BotSettings\n"
        "from agent.store.database import Database\n"
        "from agent import observability, settings\n"
        "import os; os.environ['SENTRY_DSN'] = 'http://k@127.0.0.1:9/1'\n"
        "observability.set_up(settings.AgentSettings(), process='web')\n"
        "s = BotSettings(SLACK_BOT_TOKEN='xoxb-1', SLACK_SIGNING_SECRET='s', REDIS_URL='redis://127.0.0.1:9')\n"
        "bot.processes.web.Web(s, Database('postgresql://x@127.0.0.1:9/x')).close()\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'litellm', 'lancedb', 'pyarrow', 'numpy'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_health_and_readiness_tell_what_is_away(world: System) -> None:
    redis, postgres = Proxy(world.env["REDIS_URL"]), Proxy(world.env["DATABASE_URL"])
    world.env |= {"REDIS_URL": redis.url, "DATABASE_URL": postgres.url}
    world.start("web")
    url = f"http://127.0.0.1:{world.env['PORT']}"
    assert get(f"{url}/healthz") == (200, {"status": "alive"})
    status, state = get(f"{url}/readyz")
    assert (status, state["status"], state["index"]) == (200, "ready", "ok")
    redis.go_away()
    state = world.wait_for(lambda: _other_readiness(url, "ready"))
    assert (state["status"], state["redis"]) == ("degraded", "away")
    postgres.go_away()
    state = world.wait_for(lambda: _other_readiness(url, "degraded"))
    assert (state["status"], state["postgres"]) == ("unavailable", "away")
    assert get(f"{url}/readyz")[0] == 503
    assert get(f"{url}/healthz")[0] == 200
    redis.close()
    postgres.close()


def test_readiness_tells_of_an_older_schema_and_an_empty_index(world: System) -> None:
    world.start("web")
    url = f"http://127.0.0.1:{world.env['PORT']}"
    with world.database.transaction() as transaction:
        transaction.connection().exec_driver_sql("DELETE FROM documents")
    assert "docent ingest" in get(f"{url}/readyz")[1]["index"]
    with world.database.transaction() as transaction:
        transaction.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    try:
        state = world.wait_for(lambda: _other_readiness(url, "degraded"))
    finally:
        with world.database.transaction() as transaction:
            transaction.connection().exec_driver_sql(
                f"UPDATE alembic_version SET version_num = '{schema_version.head()}'"
            )
    assert (state["status"], state["migrations"]) == ("unavailable", f"at 0000, needs {schema_version.head()}")


def test_without_a_signing_secret_nothing_is_taken_over_http(world: System) -> None:
    world.workspace.app.request_url = None
    world.env |= {"SLACK_APP_TOKEN": world.workspace.app.app_token}
    del world.env["SLACK_SIGNING_SECRET"]
    world.start("web")
    body = b'{"type":"event_callback","event":{"type":"app_mention","user":"U1","channel":"C1","ts":"1.1"}}'
    request = urllib.request.Request(f"http://127.0.0.1:{world.env['PORT']}/slack/events", data=body)
    assert get(request)[0] == 404


def test_a_request_without_slacks_signature_is_refused(world: System) -> None:
    world.start("web")
    url = f"http://127.0.0.1:{world.env['PORT']}/slack/events"
    body = b'{"type":"event_callback","event":{"type":"app_mention","user":"U1","channel":"C1","ts":"1.1"}}'
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    assert get(request)[0] == 401
    assert world.turns() == []


def test_what_slack_did_not_send_is_refused_before_it_is_parsed_and_reported_to_nobody(world: System) -> None:
    """Unsigned, signed by somebody else, replayed, in no encoding; and signed, but nothing that Slack sends."""
    world.start("web")
    ours, foreign = world.workspace.app.signing_secret, "another secret"
    form = "application/x-www-form-urlencoded"
    for body, content_type, secret, age, expected in [
        (b'{"a":', "application/json", foreign, 0, 401),
        (b'{"a":' * 100_000, "application/json", foreign, 0, 401),
        (b"payload=%7B", form, foreign, 0, 401),
        (b"\xff\xfe", "application/json", foreign, 0, 401),
        (b'{"type":"event_callback"}', "application/json", ours, 600, 401),
        (b"[1,2]", "application/json", ours, 0, 400),
        (b'{"a":' * 100_000, "application/json", ours, 0, 400),
        (b"payload=%7B", form, ours, 0, 400),
    ]:
        sent_at = str(int(time.time()) - age)
        signature = SignatureVerifier(secret).generate_signature(timestamp=sent_at, body=body.decode("latin-1"))
        headers = {"X-Slack-Request-Timestamp": sent_at, "X-Slack-Signature": str(signature)}
        assert _post(world, body, {"Content-Type": content_type, **headers}) == expected, body[:40]
    for stamp, signature in (
        ("abc", "v0=1"),
        ("", ""),
        (str(int(time.time())), "v0=\u00e9"),
        ("9" * 5_000, "v0=1"),
    ):
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
        assert _post(world, b"{}", headers) == 401
    assert [line for line in _said(world, "web") if "web_ready" not in line] == []
    world.workspace.person(ADA).mention(HELP, QUESTION)
    world.wait_for(world.turns)


def _other_readiness(url: str, before: str) -> dict[str, Any] | None:
    """The next answer of /readyz, which keeps one for a moment."""
    state = get(f"{url}/readyz")[1]
    return state if state["status"] != before else None


def _post(world: System, body: bytes, headers: dict[str, str]) -> int:
    url = f"http://127.0.0.1:{world.env['PORT']}/slack/events"
    return get(urllib.request.Request(url, data=body, headers=headers))[0]


def _by_socket(world: System) -> None:
    world.workspace.app.request_url = None
    world.env |= {"SLACK_APP_TOKEN": world.workspace.app.app_token}
    del world.env["SLACK_SIGNING_SECRET"]


def _said(world: System, role: str) -> list[str]:
    return [line for line in (world.folder / f"{role}-0.log").read_text().splitlines() if line.strip()]


def test_in_socket_mode_a_taken_port_is_a_warning_and_the_bot_works(world: System) -> None:
    _by_socket(world)
    del world.env["DOCENT_HOST"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        world.env["PORT"] = str(taken.getsockname()[1])
        world.start("web")
        world.workspace.person(ADA).mention(HELP, QUESTION)
        world.wait_for_turns(1, "queued")
    warning, ready = _said(world, "web")[:2]
    assert "event=health_port_unusable level=warning" in warning
    assert f"Port {world.env['PORT']} of 127.0.0.1 is taken" in warning
    assert "event=web_ready" in ready
    world.stop("web")
    assert all("event=" in line for line in _said(world, "web"))  # nor does a library complain of the end


def test_in_socket_mode_only_this_machine_reaches_the_port_unless_the_operator_says_otherwise(
    world: System,
) -> None:
    _by_socket(world)
    for host, listens_everywhere in (("", False), ("0.0.0.0", True)):
        world.env["DOCENT_HOST"] = host
        world.start("web")
        (listening,) = {
            connection.laddr.ip
            for connection in world.running["web"][-1].net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == int(world.env["PORT"])
        }
        assert (listening == "0.0.0.0") is listens_everywhere
        world.stop("web")


def test_a_healthy_start_says_nothing_but_that_it_is_ready(world: System) -> None:
    world.start("web", "worker", "clock")
    for role in ("web", "worker", "clock"):
        (line,) = _said(world, role)
        assert f"event={role}_ready level=info" in line


def test_workers_are_forked_without_a_warning() -> None:
    program = (
        "import os\n"
        "from ingest.index import lancedb_runtime\n"
        "lancedb_runtime.warm_up()\n"
        "lancedb_runtime.require_unused()\n"
        "pid = os.fork()\n"
        "os._exit(0) if pid == 0 else os.waitpid(pid, 0)\n"
    )
    command = [sys.executable, "-W", "default::RuntimeWarning", "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
