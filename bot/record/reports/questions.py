"""The questions of a time that the documents did not answer, grouped by what they are about.

Two questions are alike whose words, without stop words, have static vectors with a cosine of ``ALIKE_FROM``. It
costs no model call, and the same questions always make the same groups.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import text

from agent.store.database import Transaction
from bot.record.reports.scope import ReportScope
from ingest.embedding import embedder as embedding
from ingest.embedding.embedder import Matrix
from ingest.search.text import content_words, words

# Of 31 pairs of paraphrases 77 % have it, of 6,565 pairs of other questions about the same handbooks 0.2 %, which
# are about one topic; from .45 on 90 % and 0.5 %, from .6 on 52 % and 0.1 %.
ALIKE_FROM = 0.5
MAX_QUESTIONS = 2_000  # the newest; grouping so many takes a tenth of a second
LINKS = 3  # of a group
MAX_LOOKS = 10  # at questions of a group, for links


@dataclass(frozen=True)
class UnansweredQuestion:
    """A question that ended without evidence. ``ts`` is that of its message in Slack, if it has one."""

    turn_id: UUID
    session_id: UUID
    channel: str | None
    text: str
    ts: str | None


@dataclass(frozen=True)
class QuestionGroup:
    """Questions that are alike, by the ``text`` of the one that is most like all others.

    ``links`` lead to a few of them in Slack; ``session_id`` is that of the one whose text it is.
    """

    text: str
    n: int
    session_id: UUID
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class AskedCounts:
    """How many questions were asked and not answered where the report may say so, and how many that were not
    answered were asked elsewhere."""

    n_asked: int = 0
    n_unanswered: int = 0
    n_private: int = 0


_COUNTS = text("""
SELECT origin, channel, count(*), count(*) FILTER (WHERE reason = 'no_evidence') FROM turns
WHERE created_at >= :since AND created_at < :until AND origin <> 'eval'
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace)
  AND reason IS NOT NULL AND reason NOT IN ('small_talk', 'greeting', 'withdrawn', 'not_allowed')
GROUP BY origin, channel
""")


def count_asked(transaction: Transaction, since: datetime, until: datetime, scope: ReportScope) -> AskedCounts:
    """Counts the questions of a time; small talk is none."""
    n_asked = n_unanswered = n_private = 0
    values = {"since": since, "until": until, "workspace": scope.workspace}
    for origin, channel, n, n_without in transaction.execute(_COUNTS, values).all():
        if scope.shows(origin, channel):
            n_asked, n_unanswered = n_asked + n, n_unanswered + n_without
        else:
            n_private += n_without
    return AskedCounts(n_asked, n_unanswered, n_private if scope.is_operators else 0)


_UNANSWERED = text("""
SELECT id, session_id, origin, channel, question, (
    SELECT place ->> 'ts' FROM deliveries WHERE turn_id = turns.id ORDER BY id LIMIT 1
) AS ts FROM turns
WHERE created_at >= :since AND created_at < :until AND origin <> 'eval'
  AND (CAST(:workspace AS text) IS NULL OR workspace = :workspace) AND reason = 'no_evidence'
ORDER BY id DESC
""")


def load_unanswered(
    transaction: Transaction, since: datetime, until: datetime, scope: ReportScope
) -> list[UnansweredQuestion]:
    """Loads the questions that the report may show, the newest first, at most ``MAX_QUESTIONS``."""
    rows = transaction.execute(_UNANSWERED, {"since": since, "until": until, "workspace": scope.workspace}).all()
    shown = (row for row in rows if scope.shows(row.origin, row.channel))
    questions = [UnansweredQuestion(row.id, row.session_id, row.channel, row.question, row.ts) for row in shown]
    return questions[:MAX_QUESTIONS]


def group(questions: Sequence[UnansweredQuestion]) -> list[list[UnansweredQuestion]]:
    """Groups questions that are alike: the largest group first, in each the one that is most like the others.

    Each question, the oldest first, joins the group to whose mean it is nearest, or begins one.
    """
    if not questions:
        return []
    vectors = embedding.embed([_reduce(question.text) for question in questions])
    members: list[list[int]] = []
    means = np.zeros_like(vectors)  # of the groups so far, of unit length
    for i in reversed(range(len(questions))):
        likeness = means[: len(members)] @ vectors[i]
        nearest = int(likeness.argmax()) if members else 0
        if not members or likeness[nearest] < ALIKE_FROM:
            nearest = len(members)
            members.append([])
        members[nearest].append(i)
        means[nearest] = _find_mean(vectors[members[nearest]])
    order = sorted(range(len(members)), key=lambda n: (-len(members[n]), min(members[n])))
    return [[questions[i] for i in _rank(members[n], vectors @ means[n])] for n in order]


def show_groups(
    groups: Iterable[Sequence[UnansweredQuestion]],
    find_link: Callable[[UnansweredQuestion], str | None],
    *,
    limit: int,
) -> list[QuestionGroup]:
    """Returns the first groups, each with links to a few of its questions, the newest first.

    A message that is no longer in Slack has no link: its author may have deleted it, so its text is not shown. A
    question of the terminal needs none.
    """
    shown: list[QuestionGroup] = []
    for questions in groups:
        if len(shown) == limit:
            break
        newest = sorted(questions[1:MAX_LOOKS], key=lambda question: question.turn_id, reverse=True)
        links: dict[UUID, str] = {}
        for question in (questions[0], *newest):
            if question.channel is not None and len(links) < LINKS and (link := find_link(question)):
                links[question.turn_id] = link
        speaker = next((q for q in questions if q.channel is None or q.turn_id in links), None)
        if speaker:
            ordered = tuple(links[id_] for id_ in sorted(links, reverse=True))
            shown.append(QuestionGroup(speaker.text, len(questions), speaker.session_id, ordered))
    return shown


def _reduce(question: str) -> str:
    return " ".join(content_words(question) or words(question)) or question


def _find_mean(vectors: Matrix) -> Matrix:
    total = vectors.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _rank(members: Iterable[int], likeness: Matrix) -> list[int]:
    """Returns the members, nearest to their mean first; of equals the newest, which have the lower numbers."""
    return sorted(members, key=lambda i: (-round(float(likeness[i]), 5), i))
