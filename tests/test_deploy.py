"""The files of deploy/: each is what its program takes, and names only what there is."""

import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from agent.settings import list_variables
from agent.store.database import KEEPALIVES
from bot.cli import main
from bot.processes.monitoring import metrics_page
from docs.generate import metrics, settings
from tests.system import ROOT

DEPLOY = ROOT / "deploy"
ALERTS = DEPLOY / "prometheus" / "docent-alerts.yaml"
BOARD = json.loads((DEPLOY / "grafana" / "docent.json").read_text())
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.34"
PROCESSES = {"web", "worker", "clock"}
EXPOSED = {name for metric in metrics.list_metrics() for name in metric.exposed_names}
SETTINGS = {
    variable
    for kind in settings.CLASSES
    for field in kind.model_fields
    for variable in list_variables(kind, field)
}


def load(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


OBJECTS = {
    (one["kind"], one["metadata"]["name"]): one
    for path in MANIFESTS
    if path.stem != "kustomization"
    for one in load(path)
}
PODS = {
    name: one["spec"]["template"]["spec"] for (kind, name), one in OBJECTS.items() if kind in ("Deployment", "Job")
}


def find_metrics(text: str) -> set[str]:
    return set(re.findall(r"\bdocent_[a-z_]+", text))


def test_each_metric_is_declared_where_the_list_of_them_looks() -> None:
    declaring = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("agent", "bot", "ingest", "tools")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"Metric\(\s*MetricKind\.", path.read_text()) and path.stem != "metrics"
    }
    assert declaring == set(metrics.MODULES)


def test_the_alerts_are_three_with_what_to_do_and_name_metrics_that_there_are() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [
        "DocentQuestionsWait",
        "DocentAnswersFail",
        "DocentSyncTooOld",
    ]
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert find_metrics(rule["expr"])
        assert find_metrics(rule["expr"]) <= EXPOSED
        assert set(rule["annotations"]) == {"summary", "description"}
        assert "docent " in rule["annotations"]["description"]


def test_the_alerts_fire_when_they_should() -> None:
    if not (promtool := shutil.which("promtool")):
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    tests = Path(__file__).parent / "alerts_test.yaml"
    done = subprocess.run([promtool, "test", "rules", tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_each_process_at_its_port() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "scrape.yaml").read_text())
    assert scraped["rule_files"] == [ALERTS.name]
    (job,) = scraped["scrape_configs"]
    ports = {one["labels"]["process"]: int(one["targets"][0].split(":")[1]) for one in job["static_configs"]}
    assert ports == {name: 9464 + offset for name, offset in metrics_page.PORTS.items()}
    assert job["authorization"]["type"] == "Bearer"


def test_the_board_shows_metrics_that_there_are_and_leaves_the_source_open() -> None:
    assert (BOARD["title"], BOARD["uid"], BOARD["schemaVersion"] >= 36) == ("Docent", "docent", True)
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["datasource"]
    shown: set[str] = set()
    places: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        assert max(x for x, _ in cells) < 24
        places |= cells
        for target in panel["targets"]:
            assert find_metrics(target["expr"]) <= EXPOSED, target["expr"]
            assert target["expr"].count("(") == target["expr"].count(")")
            shown |= find_metrics(target["expr"])
    of_parts = {name.removesuffix("_bucket") for name in shown}
    told = {m.name if m.kind != "counter" else m.exposed_names[0] for m in metrics.list_metrics()}
    assert of_parts == told, "the board shows every metric"
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_compose_file_is_one() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(COMPOSE)


def test_compose_runs_every_process_after_the_migration_without_a_password_of_its_own() -> None:
    services = COMPOSE["services"]
    assert set(services) == {*PROCESSES, "migrate", "postgres", "valkey"}
    for name in (*PROCESSES, "migrate"):
        assert services[name]["command"] == [name]
        assert services[name]["command"][0] in commands()
        assert set(services[name]["environment"]) <= SETTINGS
        assert services[name]["read_only"]
    for name in PROCESSES:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert services[name]["depends_on"]["valkey"] == {"condition": "service_healthy"}
    assert "--maxmemory-policy noeviction" in services["valkey"]["command"][-1]
    text = (DEPLOY / "compose.yaml").read_text()
    assert len(re.findall(r"\$\{\w*PASSWORD:\?", text)) == len(re.findall(r"\$\{\w*PASSWORD", text)) == 4
    assert all("healthcheck" in service for service in services.values())


def test_every_manifest_of_kubernetes_is_valid() -> None:
    for path in MANIFESTS:
        if path.stem != "kustomization":
            for one in load(path):
                kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_kubernetes_runs_three_deployments_and_a_job_with_limits_and_without_root() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert {*kustomization["resources"]} == {path.name for path in MANIFESTS} - {"kustomization.yaml"}
    assert {name for kind, name in OBJECTS if kind == "Deployment"} == {f"docent-{name}" for name in PROCESSES}
    assert set(PODS) == {*(f"docent-{name}" for name in PROCESSES), "docent-migrate"}
    for name, pod in PODS.items():
        (container,) = pod["containers"]
        assert container["args"][0] in commands()
        assert f"docent-{container['args'][0]}" == name
        assert container["image"] == kustomization["images"][0]["name"]
        assert set(container["resources"]) == {"requests", "limits"}
        assert pod["securityContext"]["runAsUser"] == 10001
        assert container["securityContext"]["readOnlyRootFilesystem"]
        for port in container.get("ports", ()):
            if port["name"] == "metrics":
                assert port["containerPort"] == 9464 + metrics_page.PORTS[container["name"]]
    (web,) = PODS["docent-web"]["containers"]
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    assert [web[probe]["httpGet"]["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    named = {line.split("=")[0] for line in kustomization["configMapGenerator"][0]["literals"]}
    assert named <= SETTINGS


def commands() -> set[str]:
    """The names of docent's commands."""
    registered = main.app.registered_commands
    return {str(one.name or getattr(one.callback, "__name__", "")) for one in registered}


@pytest.mark.parametrize("unit", ["docent@.service", "docent-migrate.service"])
def test_systemd_takes_the_units(unit: str, tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not installed")
    for path in (DEPLOY / "systemd").glob("*.service"):
        here = path.read_text().replace("/srv/docent/.venv/bin/docent", sys.executable)
        (tmp_path / path.name).write_text(here)
    name = unit.replace("@.", "@web.")
    shutil.copy(tmp_path / unit, tmp_path / name) if name != unit else None
    done = subprocess.run(
        [analyze, "verify", "--man=no", tmp_path / name], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "docent" in line]
    assert (done.returncode, ours) == (0, [])


def test_pgbouncer_is_told_to_end_no_transaction_and_gives_each_a_connection() -> None:
    parser = ConfigParser()
    parser.read(DEPLOY / "pgbouncer" / "pgbouncer.ini")
    pooler = parser["pgbouncer"]
    assert (pooler["pool_mode"], pooler["idle_transaction_timeout"]) == ("transaction", "0")
    probes = [int(pooler[name]) for name in ("tcp_keepidle", "tcp_keepintvl", "tcp_keepcnt")]
    assert probes == [*KEEPALIVES.values()]  # as Docent asks of Postgres where no pooler is between
