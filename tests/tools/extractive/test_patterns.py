"""Messages and lines on which a pattern with quadratic time would need minutes."""

from dataclasses import replace

import pytest

from agent.types import CitedPassage, Passage
from tools.extractive import answer, follow_ups, question, replacements
from tools.extractive.rules import conditions, contradictions, validity
from tools.extractive.statements import Statement, list_statements

pytestmark = pytest.mark.timeout(60)
N_CHARS = 100_000
REPEATED = (" ", "\n", "1", "1,", "1.000.", "what is ", "and ", "or, ", "from ", "up to ", "not ", "|", "- ",
            "1. a\n", "$", "```", "A.", "2026 ", "v1.", "the ai ", "🎉")  # fmt: skip


@pytest.mark.parametrize("repeated", REPEATED)
def test_a_long_text_is_read_within_the_limits(repeated: str) -> None:
    text = f"Leave{repeated * (N_CHARS // len(repeated))}tax x"
    statement = Statement(1, text, text, text, text, 0.5)
    assert question.split(text)
    assert follow_ups.find_background(text, ["Who can carry over annual leave?"]) is not None
    assert replacements.leave_out(f"and {text}", text)
    assert replacements.leave_out("and sick leave?", text)
    assert len(conditions.judge(f"after 3 years {text}", [text, "2 to 5 years"])) == 2
    assert validity.find_superseded(text, [statement]) == [False]
    other = replace(statement, document="other")
    assert not contradictions.contradict(statement, other)
    assert not contradictions.contradict(replace(statement, url=text), replace(other, url=text + "a"))
    assert contradictions.is_newer(statement, other) is None
    assert answer._is_quotable(statement) in (True, False)
    assert list_statements(CitedPassage(1, Passage("c", "d", "T", "", "", text, 0.5)))
