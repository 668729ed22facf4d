"""What an answer has come to so far: its text, what is said of who reads it, its steps."""

from dataclasses import dataclass, field

from agent.prompting import citations
from agent.store.sessions import Turn
from agent.translation.speech import mark, say
from agent.turn import loop
from agent.turn.events import ToolFinished, ToolStarted
from bot.jobs.readers.final_check import FinalCheck
from bot.slack.replies import task_cards
from bot.slack.replies.output_filter import AnswerText
from bot.slack.replies.reply import Answer, Reply
from bot.slack.replies.task_cards import TaskCard

STOPPED = mark("Stopped.")
STOPPED_NOTICE = mark("Stopped before the answer was complete.")


@dataclass
class AnswerProgress:
    """The progress of one attempt; ``steps`` are its cards, by their ids."""

    text: AnswerText
    final: FinalCheck
    audience_notice: str = ""
    steps: dict[str, TaskCard] = field(default_factory=dict)

    def open_card(self, event: ToolStarted) -> TaskCard:
        """Adds the card of a call that begins."""
        card = task_cards.open_card(len(self.steps) + 1, event)
        return self.steps.setdefault(card.id, card)

    def close_card(self, card: TaskCard, event: ToolFinished) -> TaskCard:
        """Replaces the card of a call that has ended."""
        self.steps[card.id] = task_cards.close_card(card, event)
        return self.steps[card.id]

    def keep_shown(self, turn: Turn, run: loop.TurnRun, reply: Reply) -> Answer:
        """Returns what the person saw when they pressed Stop: that text and no more, its sources, the steps."""
        shown = reply.get_shown_text()
        text = self.text.flush() if shown is None else shown
        by_number = {source.n: source for source in run.recorder.sources}
        return Answer(
            turn.id,
            text or say(STOPPED),
            [by_number[n] for n in citations.find_cited(text, by_number)],
            say(STOPPED_NOTICE) if text else "",
            has_feedback=False,
            steps=[task_cards.stop_card(card) for card in self.steps.values()],
        )
