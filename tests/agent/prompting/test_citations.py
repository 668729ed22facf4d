"""Citations as models write them, and what only looks like one."""

import pytest

from agent.prompting import citations
from agent.prompting.citations import CitationNormaliser

KNOWN = {1, 2, 3}
CASES = [
    ("5 days【1】.", "5 days [1].", [1]),
    ("5 days 【1†source】 each", "5 days [1] each", [1]),
    ("So it is 【4:1†leave.md】.", "So it is [1].", [1]),
    ("5 days[^1].", "5 days [1].", [1]),
    ("So [^1].\n\n[^1]: Leave", "So [1].\n\n[^1]: Leave", [1]),
    ("So ［1］. So ［２］.", "So [1]. So [2].", [1, 2]),
    ("Both say so [1-2].", "Both say so [1][2].", [1, 2]),
    ("All say so [1–3]", "All say so [1][2][3]", [1, 2, 3]),
    ("Nobody [5-9], nor [1-9].", "Nobody [5-9], nor [1-9].", []),
    ("So it is (1). And (2)", "So it is [1]. And [2]", [1, 2]),
    ("So it is (1)(2).", "So it is [1][2].", [1, 2]),
    ("(1) Ask. (2) Wait.", "(1) Ask. (2) Wait.", []),
    ("Two ways: (1) ask, (2) wait (3).", "Two ways: (1) ask, (2) wait (3).", []),
    ("You may [1] carry (2).", "You may [1] carry (2).", [1]),
    ("See step (2). One (1) day. In 2024 (2024).", "See step (2). One (1) day. In 2024 (2024).", []),
    ("So [Source 1]. So (source 2). So [Source 1, Source 3].", "So [1]. So [2]. So [1][3].", [1, 2, 3]),
    ("See [Leave] and (see source of it).", "See [Leave] and (see source of it).", []),
    ("So it is¹. It is 5 m² wide.", "So it is¹. It is 5 m² wide.", []),
    ("Annual leave¹, then travel.²", "Annual leave [1], then travel. [2]", [1, 2]),
    ("So <sup>1</sup>, so \\[2\\].", "So [1], so [2].", [1, 2]),
    ("Read items[2] and a[1]. Use rows[3].", "Read items[2] and a[1]. Use rows[3].", []),
    ("data.rows[1] = 2, m[1][2] is, f(x)[1]", "data.rows[1] = 2, m[1][2] is, f(x)[1]", []),
    ("Annual leave[1][2]. In 2024[3].", "Annual leave[1][2]. In 2024[3].", [1, 2, 3]),
    ("年假[1]。年假【2】。", "年假[1]。年假[2]。", [1, 2]),
    ("`so 【1】` and\n```\nx = 【2】 (1)\n```\n", "`so 【1】` and\n```\nx = 【2】 (1)\n```\n", []),
    ("See [1](https://x.example/).", "See [1](https://x.example/).", [1]),
    ("You may carry over 240 hours[1] of leave. Employees[2] get it.",) * 2 + ([1, 2],),
    ("Set total[1] = 5 and go.", "Set total[1] = 5 and go.", []),
    ("Read pages [1-2]. Grades [1-3] apply. [1-3] patterns.",) * 2 + ([],),
    ("~~~sh\nexpr [1-3]\n~~~\n", "~~~sh\nexpr [1-3]\n~~~\n", []),
    ("1. Do:\n\n    ```\n    expr [1]\n    ```\n", "1. Do:\n\n    ```\n    expr [1]\n    ```\n", []),
    ("> ```\n> x【1】\n> ```\nSo 【2】.", "> ```\n> x【1】\n> ```\nSo [2].", [2]),
    ("- ```\n  x【1】\n  ```\nSo 【2】.", "- ```\n  x【1】\n  ```\nSo [2].", [2]),
    ("Write ``x【1】`y`` so 【2】.", "Write ``x【1】`y`` so [2].", [2]),
    ("So [1 and 2], so [1, 2].", "So [1][2], so [1, 2].", [1, 2]),
    ("Unknown [7], [^7], (7), ［7］.", "Unknown [7], [^7], (7), ［7］.", []),
]


@pytest.mark.parametrize(("text", "normal", "cited"), CASES)
def test_each_form_becomes_one(text: str, normal: str, cited: list[int]) -> None:
    assert citations.normalise(text, KNOWN) == normal
    assert citations.find_cited(text, KNOWN) == cited
    assert citations.normalise(normal, KNOWN) == normal


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("text", [case[0] for case in CASES])
def test_pieces_of_any_size_give_the_same(text: str, size: int) -> None:
    stream = CitationNormaliser(KNOWN)
    whole, shown = citations.normalise(text, KNOWN), ""
    for start in range(0, len(text), size):
        shown += stream.feed(text[start : start + size])
        assert whole.startswith(shown)
    assert shown + stream.flush() == whole
