"""The doctor and the tools."""

from pathlib import Path

import agent.settings
import bot.settings
import ingest.settings
from bot.doctor import tools
from bot.doctor.context import CheckContext
from bot.doctor.finding import Finding
from tests.system import ROOT


def findings(entries: str = "") -> list[Finding]:
    context = CheckContext(
        kernel=agent.settings.AgentSettings(),
        bot=bot.settings.BotSettings(tools=entries),
        library=ingest.settings.IngestSettings(),
    )
    return list(tools.tools(context))


def test_docents_own_tools_are_named() -> None:
    (finding,) = findings()
    assert finding.state == "ok"
    assert "search_docs" in finding.text
    assert "your own" not in finding.text


def test_a_companys_tools_are_named() -> None:
    (finding,) = findings(f" {ROOT / 'bot' / 'sample' / 'tools'} ,,")
    assert (finding.state, finding.text.rpartition("; ")[2]) == ("ok", "your own: orders")


def test_each_mistake_is_a_problem_with_its_advice(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1 / 0")
    broken, missing = findings(f"{tmp_path},acme_not_there")
    assert (broken.state, broken.advice) == ("problem", "Correct it.")
    assert "a.py cannot be imported (ZeroDivisionError: division by zero, line 1)." in broken.text
    assert missing.state == "problem"
    assert "install the package" in missing.advice
