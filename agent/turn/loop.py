"""The bounded, tool-using loop over one turn: a generator of events.

Its state is derived from the transcript in Postgres: last message the person's or a tool's → ask the model; an
assistant's with unanswered calls → run them; any other assistant's → finished. So a turn that was interrupted
anywhere goes on from its last committed step, and no committed model call is repeated.

Promises: ends within the limits, with a complete transcript; every model call has a row before it is made. A
limit buys one closing call without tools; when the models are down, or a budget is spent, the fallback answers and
says so. Does not deliver: the consumer shows the events and ends the turn.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from decimal import Decimal

from agent import observability
from agent.errors import DeadlineExceeded, LimitReached, ModelError, OverBudget
from agent.json_sanitizer import clean
from agent.llm.model_names import is_local
from agent.prompting import citations, prompt
from agent.store import sessions, trace
from agent.store.database import Transaction
from agent.store.sessions import Turn
from agent.store.trace import FALLBACK, OPENING, STANDALONE
from agent.tools import arguments
from agent.turn import grounding, model_calls, tool_calls
from agent.turn.attempt import Work
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Event, Finished, TextReset
from agent.turn.limits import Meter
from agent.turn.model_calls import ModelCall
from agent.turn.tool_calls import ToolCall, ToolOutcome
from agent.types import CitedPassage, Message

HISTORY_TURNS = 20  # earlier questions of the session that are shown to the model, as far as they fit
STANDALONE_SECONDS = 12.0
STANDALONE_TOKENS = 600  # a model that thinks first needs some
STANDALONE_CHARS = 1_000  # more is no question
OUT_OF_STEPS = "so this answer may be incomplete."
NOTICES = {
    "steps": f"I stopped after the allowed number of steps, {OUT_OF_STEPS}",
    "calls": f"I stopped after the allowed number of look-ups, {OUT_OF_STEPS}",
    "repeats": f"I stopped because I was going in circles, {OUT_OF_STEPS}",
    "tokens": f"I stopped at the token limit, {OUT_OF_STEPS}",
    "cost": f"I stopped at what one answer may cost, {OUT_OF_STEPS}",
    "time": f"I ran out of time, {OUT_OF_STEPS}",
    "no_answer": "The language model gave no proper answer, so this one may be incomplete.",
    "provider_down": "The language model cannot be reached now, so this is quoted directly from the documents.",
    "uncited": "Nothing above is taken from the documents.",
    "weak_evidence": "I am not sure of this: what I found in the documents fits the question only loosely.",
}
BUDGET = "A budget for the language model is used up"
CUT_OFF = {
    "length": "This answer was cut off at its allowed length.",
    "content_filter": "The language model's provider held a part of this answer back.",
}
NOT_EVEN_QUOTED = "I could not put an answer together this time. Please ask again."
UNTIL_THEN = "Until then I quote the documents directly."
QUOTED = "It is quoted directly from the documents."
NO_MODEL_NOTICE = "No language model is configured, so this is quoted directly from the documents."


class TurnRun:
    """One attempt at one turn.

    ``check`` runs often and may raise :class:`Cancelled` or :class:`LeaseLost`, which pass through.
    """

    def __init__(self, turn: Turn, kit: AgentConfig, check: Callable[[], None]) -> None:
        with kit.database.transaction() as transaction:
            transcript = trace.load(transaction, turn.id)
            earlier = kit.history
            if earlier is None:
                earlier = sessions.load_history(transaction, turn.session_id, before=turn.seq, limit=HISTORY_TURNS)
        self.work = Work(turn, kit, check, Meter.start(kit.limits), transcript, earlier)
        self.limit = transcript.limit
        self.budget_says = BUDGET
        self.is_quoted = False  # by the fallback

    @property
    def is_answered(self) -> bool:
        """Whether the final text is committed, and only its delivery remains."""
        return bool(self._messages) and _is_final(self._messages[-1])

    def source(self, n: int) -> CitedPassage | None:
        """The passage shown to the model under ``n``."""
        return next((source for source in self.work.transcript.sources.values() if source.n == n), None)

    def evidence(self) -> list[str]:
        """Every text a URL of the answer may come from: tool results, and the sources' addresses."""
        addresses = [source.passage.url for source in self.work.transcript.sources.values()]
        return [*addresses, *grounding.results(self._messages)]

    def events(self, opening: Callable[[str], Sequence[OpeningCall]]) -> Iterator[Event]:
        """Works on the turn until its final text is committed.

        ``opening`` makes the opening calls from the question as it stands alone.
        """
        messages = self._messages
        if not messages:
            question = yield from self._standalone()
            yield from self._open(opening(question))
        while not _is_final(messages[-1]):
            self.work.check()
            if calls := tool_calls.unanswered(messages):
                yield from self._run_calls(calls)
            elif limit := tool_calls.refused(messages):
                yield from self._close(limit)
            else:
                yield from self._step()
        yield self._finished(str(messages[-1].get("content") or ""))

    @property
    def _messages(self) -> list[Message]:
        return self.work.transcript.messages

    def _standalone(self) -> Generator[Event, None, str]:
        """The question without what it leans on: by the model, and where that does not do it by the rule."""
        work, question = self.work, self.work.turn.question
        if not work.history:
            return question
        said = work.transcript.standalone
        if said is None and work.kit.asks_for_standalone and not is_local(work.kit.models[0].name):
            said = yield from self._rewritten()
        return _one_line(said or "") or work.kit.standalone(question, [earlier for earlier, _ in work.history])

    def _rewritten(self) -> Generator[Event, None, str | None]:
        work = self.work
        said: list[str] = []

        def keep(message: Message, position: int) -> None:
            said.append(str(message.get("content") or ""))

        what = ModelCall(
            STANDALONE,
            work.kit.models[:1],
            keep,
            deadline=min(work.meter.ordinary_deadline, work.meter.clock() + STANDALONE_SECONDS),
            is_ordinary=True,
            is_shown=False,
            messages=prompt.standalone_messages(work.history, work.turn.question),
            max_completion_tokens=min(STANDALONE_TOKENS, work.kit.limits.max_completion_tokens),
        )
        try:
            yield from model_calls.ask(work, what)
        except (ModelError, DeadlineExceeded, LimitReached) as error:
            observability.log.info("standalone_by_rule", error=str(error))
        return said[0] if said else None

    def _open(self, calls: Sequence[OpeningCall]) -> Iterator[Event]:
        """Runs the opening calls and commits them together with the person's message."""
        asked = [ToolCall(f"opening_{i}", call.name, dict(call.arguments)) for i, call in enumerate(calls)]
        outcomes: list[ToolOutcome] = []
        for event in tool_calls.run(self.work, asked):
            if isinstance(event, ToolOutcome):
                outcomes.append(event)
            else:
                yield event
        evidence = [(call.name, outcome.shown) for call, outcome in zip(asked, outcomes, strict=True)]
        message = clean(prompt.question_message(self.work.turn.question, evidence))
        with self.work.step() as transaction:
            for call, outcome in zip(asked, outcomes, strict=True):
                self._record_call(transaction, call, outcome, OPENING)
            trace.add_message(transaction, self.work.turn.id, 0, message)
            cost_usd = sum((outcome.cost_usd for outcome in outcomes), Decimal(0))
            self.work.kit.budgets.spend(transaction, self.work.turn, cost_usd)
        self._messages.append(message)
        self.work.transcript.spent_usd += cost_usd

    def _step(self) -> Iterator[Event]:
        work = self.work
        what = ModelCall("step", work.kit.models, self._as_said, work.meter.ordinary_deadline, is_ordinary=True)
        try:
            message = yield from model_calls.ask(work, what)
        except LimitReached as reached:
            yield from self._close(reached.limit, reached)
            return
        except ModelError:
            yield from self._fall_back("provider_down")
            return
        except DeadlineExceeded:
            message = None
        if message is None:
            yield from self._close("time" if work.meter.is_late else "no_answer")
        elif message.get("tool_calls"):
            yield TextReset()
        else:
            self.limit = None  # what an attempt before this one noted, and this one did not need

    def _close(self, limit: str, reached: LimitReached | None = None) -> Iterator[Event]:
        """The reserved call: tools stay listed, none may be called, and what it says is the answer."""
        work = self.work
        self._note(limit, reached)
        yield TextReset()
        what = ModelCall("closing", work.kit.models, _text_only, work.meter.deadline, tool_choice="none")
        message = None
        try:
            message = yield from model_calls.ask(work, what)
        except (ModelError, DeadlineExceeded) as error:
            observability.log.warning("closing_call_failed", error=str(error))
        except LimitReached as again:
            self._note(limit, again if isinstance(again, OverBudget) else None)
        if message is None:
            yield from self._fall_back(limit)

    def _fall_back(self, limit: str) -> Iterator[Event]:
        """The fallback model quotes what was found; it runs in this process and cannot be down."""
        work = self.work
        self._note(limit)
        self.is_quoted = True
        yield TextReset()
        deadline = work.meter.clock() + work.kit.limits.max_seconds
        what = ModelCall(FALLBACK, [work.kit.fallback], _text_only, deadline, tool_choice="none")
        try:
            message = yield from model_calls.ask(work, what)
        except (ModelError, DeadlineExceeded) as error:
            observability.report(error, event="fallback_failed")
            message = None
        if message is None:
            self._say(NOT_EVEN_QUOTED)

    def _say(self, text: str) -> None:
        """Ends the turn with a sentence of ours."""
        message: Message = {"role": "assistant", "content": text}
        with self.work.step() as transaction:
            trace.add_message(transaction, self.work.turn.id, len(self._messages), message)
        self._messages.append(message)

    def _note(self, limit: str, reached: LimitReached | None = None) -> None:
        """Notes why the turn comes to its end, once."""
        if isinstance(reached, OverBudget):
            self.budget_says = reached.says
        if self.limit != limit:
            self.limit = limit
            with self.work.step() as transaction:
                trace.note_limit(transaction, self.work.turn.id, limit)

    def _run_calls(self, calls: Sequence[Message]) -> Iterator[Event]:
        """Runs the unanswered calls of the last assistant message, each committed on its own, in their order."""
        plan = tool_calls.planned(self.work, calls)
        self._announce_lasting(plan)
        waiting = iter(plan)
        for event in tool_calls.run(self.work, plan):
            if isinstance(event, ToolOutcome):
                self._commit_result(next(waiting), event)
            else:
                yield event

    def _announce_lasting(self, plan: Sequence[ToolCall]) -> None:
        """Notes the calls that may do something lasting, before they run."""
        tools, position = self.work.kit.tools, len(self._messages)
        lasting = [
            (position + i, call)
            for i, call in enumerate(plan)
            if call.refusal is None and call.name in tools and not tools[call.name].is_idempotent
        ]
        if lasting:
            with self.work.step() as transaction:
                for at, call in lasting:
                    self._record_call(transaction, call, None, at)

    def _commit_result(self, call: ToolCall, outcome: ToolOutcome) -> None:
        position = len(self._messages)
        content = clean(prompt.result_json(outcome.shown))
        message: Message = {"role": "tool", "tool_call_id": call.id, "content": content}
        with self.work.step() as transaction:
            self._record_call(transaction, call, outcome, position)
            trace.add_message(transaction, self.work.turn.id, position, message)
            self.work.kit.budgets.spend(transaction, self.work.turn, outcome.cost_usd)
        self._messages.append(message)
        self.work.transcript.spent_usd += outcome.cost_usd

    def _record_call(
        self, transaction: Transaction, call: ToolCall, outcome: ToolOutcome | None, position: int
    ) -> None:
        turn_id = self.work.turn.id
        trace.add_sources(transaction, turn_id, outcome.sources if outcome else ())
        trace.add_tool_call(
            transaction,
            turn_id,
            position=position,
            call_id=call.id,
            name=call.name,
            arguments=call.arguments,
            result=outcome.shown if outcome else None,
            is_error=bool(outcome and outcome.is_error),
            duration_ms=outcome.duration_ms if outcome else None,
            cost_usd=outcome.cost_usd if outcome else Decimal(0),
        )

    def _as_said(self, message: Message, position: int) -> Message | None:
        """The message verbatim, but with calls that any provider takes back."""
        given = list(message.get("tool_calls") or ())
        if not given:
            return _text_only(message, position)
        known = {call["id"] for earlier in self._messages for call in earlier.get("tool_calls") or ()}
        return message | {"role": "assistant", "tool_calls": arguments.acceptable(given, position, known)}

    def _finished(self, text: str) -> Finished:
        transcript, kit = self.work.transcript, self.work.kit
        has_model = not is_local(kit.models[0].name)
        if has_model and not (self.is_quoted or transcript.is_quoted):
            found = grounding.verdict(text, transcript, kit.tools)
            reason = {"uncited": "no_evidence"}.get(found.reason, found.reason)
            notice = self._notice() if self.limit else NOTICES.get(found.reason, "")
            notice = " ".join(filter(None, [CUT_OFF.get(transcript.finish_reason or "", ""), notice]))
            return Finished(found.text, self.limit or reason, notice, found.cited, found.closest)
        by_number = {source.n: source for source in transcript.sources.values()}
        cited = tuple(by_number[n] for n in citations.cited(text, by_number))
        is_refusal = kit.is_refusal(text)
        reason = self.limit or ("answered" if cited and not is_refusal else "no_evidence")
        if has_model:
            return Finished(text, reason, self._notice(is_quoted=True), cited)
        return Finished(text, reason, "" if is_refusal else NO_MODEL_NOTICE, cited)

    def _notice(self, *, is_quoted: bool = False) -> str:
        if self.limit == "budget":
            return f"{self.budget_says}. " + (UNTIL_THEN if is_quoted else "This answer may be incomplete.")
        notice = NOTICES.get(self.limit or "", "")
        return f"{notice} {QUOTED}" if is_quoted and self.limit != "provider_down" else notice


def _is_final(message: Message) -> bool:
    return message["role"] == "assistant" and not message.get("tool_calls")


def _text_only(message: Message, position: int) -> Message | None:
    """The message without calls; None when it says nothing."""
    text = str(message.get("content") or "")
    kept = {key: value for key, value in message.items() if key != "tool_calls"}
    return kept | {"role": "assistant", "content": text} if grounding.unmarked(text)[0].strip() else None


def _one_line(said: str) -> str:
    """A rewritten question; empty for what is none."""
    line = " ".join(said.split()).strip("\"'“”`")
    return line if len(line) <= STANDALONE_CHARS else ""
