"""Measures the ranking or the answer of one question.

A ranking lists documents, best first, each once. Grades say how relevant a document is; a document without a
grade is not relevant. Means over a set of questions are in :mod:`bot.evaluation.figures`.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

CUT = 10  # documents of a ranking that nDCG and recall take into account
TOP = 5  # about as many documents as an answer is written from
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_IN_A_WORD = r"[^\W\u3040-\u30ff\u3400-\u9fff]"  # a letter, a digit or an underscore of another script
_MARKUP = re.compile(r"[*`\\]")
_EQUIVALENT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-"})


def has_every_group(ranking: Sequence[str], groups: Sequence[Sequence[str]], *, k: int = TOP) -> bool:
    """Returns whether the first ``k`` include a document of every group; False without groups."""
    first = set(ranking[:k])
    return bool(groups) and all(not first.isdisjoint(group) for group in groups)


def ndcg(ranking: Sequence[str], grades: Mapping[str, float], *, k: int = CUT) -> float:
    """Returns the normalised discounted cumulative gain of the first ``k``, between 0 and 1.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002, as trec_eval
    (``ndcg_cut``) and BEIR compute it: the gain is the grade itself, the discount log2(rank + 1) from the first
    rank on. For example::

        ndcg(["b", "a"], {"a": 1.0}) == 0.6309...  # 1 / log2(3)
    """
    ideal = _discount(sorted(grades.values(), reverse=True)[:k])
    return _discount([grades.get(name, 0.0) for name in ranking[:k]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], grades: Mapping[str, float], *, k: int = CUT) -> float:
    """Returns the share of the relevant documents that are among the first ``k`` (trec_eval's ``recall``)."""
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, float]) -> float:
    """Returns 1 divided by the rank of the first relevant document, or 0 (trec_eval's ``recip_rank``)."""
    return next((1 / rank for rank, name in enumerate(ranking, 1) if grades.get(name, 0.0) > 0), 0.0)


def find_missing_facts(text: str, facts: Sequence[Sequence[str]]) -> list[str]:
    """Returns the facts that the text lacks, each by its first wording. A fact is present if any wording is.

    Case, white space, emphasis and the shape of quotes and dashes are ignored; a wording must begin and end at
    word boundaries, so that "5 days" is not found in "15 days". Chinese and Japanese have none: there a wording is
    found as it stands, after NFKC, and any other may stand beside their characters.
    """
    folded = _fold(text)
    return [wordings[0] for wordings in facts if wordings and not any(_contains(folded, w) for w in wordings)]


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least ``share`` of the values do not exceed (nearest rank); 0 for
    none."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)] if values else 0.0


def _discount(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _contains(folded: str, wording: str) -> bool:
    sought = _fold(wording)
    if _CJK.search(sought):
        return sought.replace(" ", "") in folded.replace(" ", "")
    return bool(re.search(rf"(?<!{_IN_A_WORD}){re.escape(sought)}(?!{_IN_A_WORD})", folded))


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).translate(_EQUIVALENT)
    return " ".join(_MARKUP.sub("", plain).casefold().split())
