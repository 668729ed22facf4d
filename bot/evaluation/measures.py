"""The measures, each of one question. Nothing here knows where a ranking or an answer came from.

Rankings are of documents, best first, each once. Grades say how relevant a document is; without one it is not.
Means over a set of questions are :mod:`bot.evaluation.figures`' matter.
"""

import math
import re
from collections.abc import Mapping, Sequence

CUT = 10  # documents of a ranking that nDCG and recall look at
TOP = 5  # as many documents as an answer is likely to be written from
_MARKUP = re.compile(r"[*`\\]")
_ALIKE = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-"})


def has_every_group(ranking: Sequence[str], groups: Sequence[Sequence[str]], *, k: int = TOP) -> bool:
    """Whether the first ``k`` hold one document of every group; False where there is no group."""
    first = set(ranking[:k])
    return bool(groups) and all(not first.isdisjoint(group) for group in groups)


def ndcg(ranking: Sequence[str], grades: Mapping[str, float], *, k: int = CUT) -> float:
    """Normalised discounted cumulative gain of the first ``k``, between 0 and 1.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002, as trec_eval
    (``ndcg_cut``) and BEIR compute it: the gain is the grade itself, the discount log2(rank + 1) from the first
    rank on.
    """
    ideal = _discounted(sorted(grades.values(), reverse=True)[:k])
    return _discounted([grades.get(name, 0.0) for name in ranking[:k]]) / ideal if ideal else 0.0


def recall(ranking: Sequence[str], grades: Mapping[str, float], *, k: int = CUT) -> float:
    """The share of the relevant documents among the first ``k`` (trec_eval's ``recall``)."""
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranking[:k])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, float]) -> float:
    """One over the rank of the first relevant document, 0 without one (trec_eval's ``recip_rank``)."""
    return next((1 / rank for rank, name in enumerate(ranking, 1) if grades.get(name, 0.0) > 0), 0.0)


def find_missing_facts(text: str, facts: Sequence[Sequence[str]]) -> list[str]:
    """The facts the text lacks, each by its first wording: it must hold one wording of each.

    Case, white space, emphasis and the shape of quotes and dashes do not matter; a wording begins and ends at the
    boundaries of words, so that "5 days" is not found in "15 days".
    """
    folded = _folded(text)
    return [wordings[0] for wordings in facts if wordings and not any(_holds(folded, fact) for fact in wordings)]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of them do not exceed (nearest rank); 0 for none."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)] if values else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _holds(folded: str, fact: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(_folded(fact))}(?!\w)", folded))


def _folded(text: str) -> str:
    return " ".join(_MARKUP.sub("", text.translate(_ALIKE)).casefold().split())
