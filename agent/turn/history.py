"""The conversation before a turn, as far as those who see this turn's answer may know it.

Promises that no earlier answer is repeated to a model which rests on something that somebody of the present
audience may not read, or may not read any more; nor one that rests on a tool that returns more than passages,
unless it was for an audience that was allowed no more.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from uuid import UUID

from agent.prompting import embedded_instructions
from agent.store import earlier_turns
from agent.store.database import Transaction
from agent.store.earlier_turns import Basis, EarlierTurn
from agent.turn.config import AgentConfig
from agent.types import Audience

OFFERED_BELOW = "You might also ask"  # written before an offer, for a model and for what reads offers
HISTORY_TURNS = 20  # earlier questions of the session that the model may see, as far as they fit

TakeUp = Callable[[str, str], str]
FindUnreadable = Callable[[Transaction, Iterable[str], Audience], frozenset[str]]


def load(
    transaction: Transaction, session_id: UUID, *, before: int, audience: Audience, config: AgentConfig
) -> list[EarlierTurn]:
    """Loads the last completed turns before the ``before``-th that the audience may know, oldest first."""
    earlier = earlier_turns.load(transaction, session_id, before=before, limit=HISTORY_TURNS)
    bases = [one.basis for one in earlier]
    known = find_known(
        transaction,
        bases,
        audience,
        find_unreadable=config.find_unreadable,
        passage_tools=config.passage_tools,
    )
    return [one for one, is_known in zip(earlier, known, strict=True) if is_known]


def take_up(
    question: str, last: tuple[str, str], offered: str, config: AgentConfig
) -> tuple[str, tuple[str, str]]:
    """Returns what a question takes up of the answer before it, and that turn as the model is to see it.

    Where that is what was ``offered`` below the answer, the offer is part of it.
    """
    if taken := config.take_up(question, last[1]):
        return taken, last
    with_offer = (last[0], f"{last[1]}\n\n{write_offer(offered)}")
    is_plain = bool(offered) and embedded_instructions.take_out(offered) == offered  # it is made of a heading
    taken = config.take_up(question, with_offer[1]) if is_plain else ""
    return taken, with_offer if taken else last


def write_offer(question: str) -> str:
    """Returns the line that offers a question below an answer."""
    return f"{OFFERED_BELOW}: {question}"


def list_questions(said: Sequence[tuple[str, str]], take_up: TakeUp) -> list[str]:
    """Returns the questions of turns; in the place of a short one, what it took up of the answer before it."""
    answers = ["", *(answer for _, answer in said)]
    return [take_up(question, before) or question for (question, _), before in zip(said, answers, strict=False)]


def find_known(
    transaction: Transaction,
    bases: Sequence[Basis],
    audience: Audience,
    *,
    find_unreadable: FindUnreadable,
    passage_tools: Collection[str],
) -> list[bool]:
    """Returns of each answer, by what it rests on, whether an audience may know it.

    ``passage_tools`` are the tools that return passages only.
    """
    unreadable = find_unreadable(transaction, {id_ for basis in bases for id_ in basis.document_ids}, audience)
    return [
        unreadable.isdisjoint(basis.document_ids)
        and (basis.tools <= {*passage_tools} or audience.includes(basis.audience))
        for basis in bases
    ]
