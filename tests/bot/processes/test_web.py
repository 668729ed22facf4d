"""The web process: what it loads, what it says of itself, what it refuses."""

import subprocess
import sys
import urllib.request

from bot.processes import schema_version
from tests.proxy import Proxy
from tests.system import ROOT, System, get


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
    status, state = get(f"{url}/readyz")
    assert (status, state["status"], state["redis"]) == (200, "degraded", "away")
    postgres.go_away()
    status, state = get(f"{url}/readyz")
    assert (status, state["status"], state["postgres"]) == (503, "unavailable", "away")
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
        status, state = get(f"{url}/readyz")
    finally:
        with world.database.transaction() as transaction:
            transaction.connection().exec_driver_sql(
                f"UPDATE alembic_version SET version_num = '{schema_version.head()}'"
            )
    assert (status, state["migrations"]) == (503, f"at 0000, needs {schema_version.head()}")


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
