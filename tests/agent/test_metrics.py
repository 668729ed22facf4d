"""Metrics count where they are on, in memory or in a folder, and never end what they count."""

import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from agent.errors import ModelError
from agent.llm import embeddings
from agent.observability import measures, metrics, tracing
from agent.observability.metrics import Metric, MetricKind, Reading
from agent.settings import AgentSettings
from agent.store.database import Database
from agent.types import Usage
from tests.scripted_embeddings import ScriptedEmbeddings
from tests.scripted_model import Fail
from tests.system import ROOT

SEEN = Metric(MetricKind.COUNTER, "test_seen", "Seen", ["kind"])
SHOWN = Metric(MetricKind.READING, "test_shown", "Shown", ["kind"])


@pytest.fixture
def registry() -> Iterator[CollectorRegistry]:
    yield metrics.start()
    metrics.stop()


def read(registry: CollectorRegistry) -> str:
    return metrics.render(registry, "")[0].decode()


def test_where_metrics_are_off_nothing_is_counted_and_nothing_loaded() -> None:
    program = (
        "import sys\nfrom agent import observability\nfrom agent.settings import AgentSettings\n"
        "from agent.observability import measures, tracing\n"
        "observability.set_up(AgentSettings(), process='web')\n"
        "measures.LEASES_LOST.add()\n"
        "with tracing.span('a'), tracing.continue_at('00-1-2-01'), measures.tool('b'):\n"
        "    assert not tracing.describe_place()\n"
        "print([m for m in sys.modules if m.startswith(('prometheus_client', 'opentelemetry'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_counts_and_readings_are_told_together(registry: CollectorRegistry) -> None:
    SEEN.add(kind="a")
    SEEN.add(2, kind="b")
    metrics.read_when_asked(registry, lambda: [Reading(SHOWN, [(("x",), 3.0)])])
    told = read(registry)
    assert 'test_seen_total{kind="a"} 1.0' in told
    assert 'test_seen_total{kind="b"} 2.0' in told
    assert 'test_shown{kind="x"} 3.0' in told
    assert "docent_leases_lost_total 0.0" in told  # before the first
    assert "docent_index_rows" not in told  # nobody has looked
    assert "_created" not in told


def test_what_cannot_be_counted_ends_nothing_and_is_told_of_once(
    registry: CollectorRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        SEEN.add(-1, kind="a")
        SEEN.add(kindd="a")
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("metric_not_counted") == 1
    SEEN.add(kind="a")
    assert 'test_seen_total{kind="a"} 1.0' in read(registry)


def test_a_form_of_its_own_is_told_to_who_asks_for_it(registry: CollectorRegistry) -> None:
    body, content_type = metrics.render(registry, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, shutil\nfrom pathlib import Path\nfrom agent.observability import measures, metrics\n"
        "folder = Path(sys.argv[1])\nmetrics.start(folder)\nmeasures.LEASES_LOST.add()\n"
        "assert 'docent_leases_lost_total 1.0' in metrics.render(metrics.read_folder(folder), '')[0].decode()\n"
        "shutil.rmtree(folder)\nmeasures.QUESTIONS.add(outcome='failed', reason='error')\n"
        "measures.LEASES_LOST.add()\nprint('alive')\n"
    )
    folder = tmp_path / "counts"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "alive", done.stderr
    with pytest.raises(OSError, match="counts"):
        metrics.start(folder)
    metrics.stop()


def test_what_dead_processes_have_counted_is_kept_in_one_file(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom agent.observability import measures, metrics\n"
        "metrics.start(Path(sys.argv[1]))\nmeasures.LEASES_LOST.add()\nmeasures.FIRST_TEXT.observe(2.5)\n"
        "measures.QUESTIONS.add(outcome='failed', reason='error')\n"
    )
    for n in range(1, 4):
        subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True)
        metrics.fold_dead(tmp_path)
        told = read(metrics.read_folder(tmp_path))
        assert f"docent_leases_lost_total {n}.0" in told
        assert f"docent_first_text_seconds_count {n}.0" in told
        assert f'docent_first_text_seconds_bucket{{le="3.0"}} {n}.0' in told
        assert f'docent_questions_total{{outcome="failed",reason="error"}} {n}.0' in told
        assert {path.name for path in tmp_path.iterdir()} == {"counter_0.db", "histogram_0.db"}


def test_an_end_counts_when_it_is_committed_and_not_before(
    registry: CollectorRegistry, database: Database
) -> None:
    class Undone(Exception):
        pass

    def undo() -> None:
        with database.transaction() as transaction:
            transaction.execute(text("SELECT 1"))
            measures.count_end(transaction, outcome="completed", reason="answered", asked_at=0.0)
            raise Undone

    with pytest.raises(Undone):
        undo()
    assert "docent_questions_total{" not in read(registry)
    with database.transaction() as transaction:
        transaction.execute(text("SELECT 1"))
        measures.count_end(transaction, outcome="cancelled", reason="withdrawn")
        assert "docent_questions_total{" not in read(registry)
    assert 'docent_questions_total{outcome="cancelled",reason="withdrawn"} 1.0' in read(registry)
    with database.transaction() as transaction:
        transaction.execute(text("SELECT 1"))
    assert 'docent_questions_total{outcome="cancelled",reason="withdrawn"} 1.0' in read(registry)


def test_a_model_call_counts_however_it_ends(registry: CollectorRegistry) -> None:
    with measures.chat("openai/a", purpose="step", max_tokens=1) as chat:
        chat.finish(Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=3), finish_reason="stop")
    with measures.chat("openai/a", purpose="step", max_tokens=1) as chat:
        chat.fail(Usage(prompt_tokens=5), ValueError(), is_timeout=True)
    with pytest.raises(KeyboardInterrupt), measures.chat("openai/a", purpose="step", max_tokens=1):
        raise KeyboardInterrupt
    told = read(registry)
    for outcome in ("ok", "timeout", "stopped"):
        assert f'docent_model_calls_total{{model="openai/a",outcome="{outcome}"}} 1.0' in told
    for kind, n in (("prompt", 15), ("cached", 4), ("completion", 3)):
        assert f'docent_model_tokens_total{{kind="{kind}",model="openai/a"}} {n}.0' in told


def test_calls_of_an_embedding_model_count_with_their_tokens_and_dollars(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with ScriptedEmbeddings() as model:
        name, price_usd = model.named("words"), Decimal("0.001")
        embeddings.embed(name, ["two words"] * 100, price_usd=price_usd)
        model.fail = lambda n: Fail(400)
        with pytest.raises(ModelError):
            embeddings.embed(name, ["two words"], price_usd=price_usd)
    told = read(registry)
    assert 'docent_model_calls_total{model="openai/words",outcome="ok"} 2.0' in told
    assert 'docent_model_calls_total{model="openai/words",outcome="failed"} 1.0' in told
    assert 'docent_model_tokens_total{kind="prompt",model="openai/words"} 200.0' in told
    assert 'docent_model_usd_total{model="openai/words"} 0.2' in told


def test_without_the_extra_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    tracing.set_up(
        AgentSettings.model_validate({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}), process="web"
    )
    with tracing.span("nothing") as span:
        assert span is tracing.NO_SPAN
    captured = capsys.readouterr()
    assert "docent-answers[otel]" in captured.out + captured.err
