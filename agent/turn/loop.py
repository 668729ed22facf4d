"""The bounded, tool-using loop over one turn: a generator of events.

Its state is derived from the transcript in Postgres. The last message is the person's or a tool's: ask the model.
It is an assistant's with open calls: run them. It is any other assistant's: finished. So a turn that was
interrupted anywhere goes on from its last committed step, and no committed model call is repeated.

Promises to end within the limits, with a complete transcript; every model call has a row before it is made. A
limit buys one closing call without tools; when the models are down, or a budget is spent, this process's own model
answers from what was found. Leaves delivery to the consumer, who shows the events and ends the turn.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, cast

from agent import observability
from agent.errors import DeadlineExceeded, LeaseLost, LimitReached, ModelError, OverBudget
from agent.llm.model_names import is_local
from agent.prompting import citations, prompt
from agent.store import earlier_turns, trace
from agent.store.earlier_turns import EarlierTurn
from agent.store.sessions import Turn
from agent.store.transcript import Transcript, load_transcript
from agent.tools import arguments
from agent.translation.speech import say, say_in_answer
from agent.turn import ending, grounding, history, notices, recorder, tool_calls, tool_results
from agent.turn.config import AgentConfig, OpeningCall
from agent.turn.events import Event, TextReset, ToolFinished, ToolStarted
from agent.turn.limits import Meter
from agent.turn.model_calls import ModelAnswer, ModelCall, ModelCaller
from agent.turn.recorder import OnFinal, TurnRecorder
from agent.turn.text_calls import written
from agent.turn.text_calls.written import TextCalls
from agent.turn.tool_calls import ToolCall
from agent.turn.tool_results import ToolOutcome
from agent.turn.tool_runner import ToolRunner
from agent.types import CitedPassage, EndReason, Message, MessageToolCall, Purpose

MAX_NUDGES = 1  # a model that writes a call again which cannot be made does not answer
STANDALONE_SECONDS = 12.0
STANDALONE_TOKENS = 600  # a model that thinks first needs some
STANDALONE_CHARS = 1_000  # a longer text is not a question


class TurnRun:
    """One attempt at one turn.

    ``metadata`` is what it runs with, stored with its first step; ``on_final`` is called in the transaction that
    stores the final text. ``check`` runs often; :class:`Cancelled`, :class:`LeaseLost` and the worker's
    ``Abandoned``, which it raises, pass through. Every change of the transcript is a call of the
    :class:`TurnRecorder`.
    """

    def __init__(
        self,
        turn: Turn,
        config: AgentConfig,
        check: Callable[[], None],
        *,
        metadata: Mapping[str, str | None] | None = None,
        on_final: OnFinal = recorder.ignore_final,
    ) -> None:
        transcript, known = _load(turn, config, metadata)
        said = [(one.question, one.answer) for one in known] if config.history is None else config.history
        earlier = [(question, citations.strip_references(answer)) for question, answer in said]
        self._taken_up = ""
        if earlier:
            offered = known[-1].offered if known and config.history is None else ""
            self._taken_up, earlier[-1] = history.take_up(turn.question, earlier[-1], offered, config)
        self._known_documents = frozenset(id_ for one in known for id_ in one.basis.document_ids)
        self._turn, self._config, self._check, self._history = turn, config, check, earlier
        self._meter = Meter.start(config.limits)
        self.recorder = TurnRecorder(
            turn, config, transcript, metadata=None if turn.has_record else metadata, on_final=on_final
        )
        self._models = ModelCaller(config, self.recorder, self._meter, check, earlier)
        self._over_budget = say(notices.BUDGET)
        self._tools = ToolRunner(turn, config, self._meter, check, transcript)

    @property
    def is_answered(self) -> bool:
        """Returns whether the final text is committed, and only its delivery remains."""
        messages = self.recorder.messages
        return bool(messages) and messages[-1]["role"] == "assistant" and not messages[-1].get("tool_calls")

    def source(self, n: int) -> CitedPassage | None:
        """Returns the passage shown to the model under ``n``."""
        return next((source for source in self.recorder.sources if source.n == n), None)

    def evidence(self) -> list[str]:
        """Returns every text a URL of the answer may come from: tool results, and the sources' addresses."""
        addresses = [source.passage.url for source in self.recorder.sources]
        return [*addresses, *grounding.list_result_texts(self.recorder.messages)]

    def list_documents(self) -> frozenset[str]:
        """Returns the ids of the documents that this attempt's answer rests on: those it was shown or told of, and
        those of the earlier answers in its prompt."""
        shown = {source.passage.document_id for source in self.recorder.sources}
        told = {id_ for call in self.recorder.finished for id_ in tool_results.list_documents(call.outcome.result)}
        return self._known_documents | shown | told

    def events(self, opening: Callable[[str], Sequence[OpeningCall]]) -> Iterator[Event]:
        """Works on the turn until its final text is committed; the last event is :class:`Finished`.

        ``opening`` makes the opening calls of the question as it can be understood alone::

            run = TurnRun(turn, config, lease.check)
            for event in run.events(lambda question: [OpeningCall("search_docs", {"query": question})]):
                match event:
                    case TextDelta(text):
                        show(text)
                    case TextReset():
                        clear()
                    case Finished(text, reason):
                        deliver(text)
        """
        try:
            if not self.recorder.messages:
                question = yield from self._rewrite_question()
                yield from self._open(opening(question))
            while not self.is_answered:
                self._check()
                if calls := tool_calls.find_open(self.recorder.messages):
                    yield from self._run_calls(calls)
                elif limit := tool_calls.find_limit(self.recorder.finished):
                    yield from self._close(EndReason(limit))
                else:
                    yield from self._step()
        except LeaseLost:
            raise
        except Exception:
            self.recorder.flush()
            raise
        yield ending.conclude(self.recorder, self._config, over_budget=self._over_budget)

    def _step(self) -> Iterator[Event]:
        """Asks the models for the next message and appends it: the final text, or calls to run."""
        call = ModelCall(Purpose.STEP, self._config.models, self._meter.ordinary_deadline)
        message = None
        try:
            answer = yield from self._models.ask(call)
            asked = self._read_text_calls(answer)
            message = self._append(answer, asked)
            if asked and message is None:
                yield from self._fall_back(EndReason.NO_ANSWER)
                return
        except LimitReached as reached:
            yield from self._close(EndReason(reached.limit), reached)
            return
        except ModelError:
            yield from self._fall_back(EndReason.PROVIDER_DOWN)
            return
        except DeadlineExceeded:
            pass
        if message is None and (self._meter.is_late or not self._adopt_text()):
            yield from self._close(EndReason.TIME if self._meter.is_late else EndReason.NO_ANSWER)
        elif message and message.get("tool_calls"):
            yield TextReset()
        else:
            self.recorder.forget_end()

    def _read_text_calls(self, answer: ModelAnswer) -> TextCalls | None:
        """Returns the calls that a model wrote as text; None where it answered or called as it should."""
        text = str(answer.message.get("content") or "")
        if answer.message.get("tool_calls") or is_local(answer.call.request.model.name):
            return None
        return written.read(text, self._config.tools, {source.n for source in self.recorder.sources})

    def _append(self, answer: ModelAnswer, asked: TextCalls | None = None) -> Message | None:
        """Commits an answer, and of its message what joins the transcript: None where that is nothing."""
        position, messages = len(self.recorder.messages), self.recorder.messages
        message = _keep_text(answer.message)
        calls: Sequence[Any] = answer.message.get("tool_calls") or ()
        content = answer.message.get("content")
        if asked:
            message, content = None, asked.before or None
            is_given_up = not asked.is_valid and written.count_nudges(messages) >= MAX_NUDGES
            ids = [written.make_id(position, i, is_valid=asked.is_valid) for i in range(len(asked.calls))]
            calls = [] if is_given_up else [{**c, "id": i} for c, i in zip(asked.calls, ids, strict=True)]
        if calls:
            known = {call["id"] for earlier in messages for call in earlier.get("tool_calls") or ()}
            normalised = arguments.normalise(calls, position, known)
            own = {**answer.message, "role": "assistant", "content": content, "tool_calls": normalised}
            message = cast(Message, own)
        self.recorder.add_answer(answer.call, answer.completion, message)
        return message

    def _append_text(self, answer: ModelAnswer) -> Message | None:
        """Does so where the answer has to be text: calls are no part of it, however they are written."""
        message = None if self._read_text_calls(answer) else _keep_text(answer.message)
        self.recorder.add_answer(answer.call, answer.completion, message)
        return message

    def _adopt_text(self) -> bool:
        """Makes an answer of the last text beside a call that cites what was found, where nothing more came."""
        known = {source.n for source in self.recorder.sources}
        for message in reversed(self.recorder.messages):
            text, mark = grounding.strip_marks(str(message.get("content") or ""))
            if message["role"] == "assistant" and not mark and citations.find_cited(text, known):
                self.recorder.add_own_text(text)
                return True
        return False

    def _run_calls(self, calls: Sequence[MessageToolCall]) -> Iterator[Event]:
        """Runs the open calls of the last assistant message and appends their results, in their order."""
        plan = tool_calls.plan(
            [tool_calls.read_call(call) for call in calls],
            self.recorder.finished,
            tools=self._config.tools,
            limits=self._config.limits,
            started=self.recorder.transcript.started_calls,
            is_late=self._meter.is_late,
        )
        self.recorder.announce(plan)
        waiting = iter(plan)
        for event in self._tools.run(plan):
            if isinstance(event, ToolOutcome):
                self.recorder.add_result(next(waiting), event)
            elif not (isinstance(event, ToolStarted | ToolFinished) and written.is_nudge(event.call_id)):
                yield event

    def _close(self, reason: EndReason, reached: LimitReached | None = None) -> Iterator[Event]:
        """Makes the reserved call: tools stay listed, none may be called, and its text is the answer."""
        self._note_end(reason, reached)
        yield TextReset()
        call = ModelCall(Purpose.CLOSING, self._config.models, self._meter.deadline)
        message = None
        try:
            message = self._append_text((yield from self._models.ask(call)))
        except (ModelError, DeadlineExceeded) as error:
            observability.log.warning("closing_call_failed", error=str(error))
        except LimitReached as again:
            self._note_end(reason, again)
        if message is None and not self._adopt_text():
            yield from self._fall_back(reason)

    def _fall_back(self, reason: EndReason) -> Iterator[Event]:
        """Asks the fallback, which quotes what was found; it runs in this process and cannot be down."""
        self._note_end(reason)
        self.recorder.note_quoted()
        yield TextReset()
        deadline = self._meter.clock() + self._config.limits.max_seconds
        call = ModelCall(Purpose.FALLBACK, [self._config.fallback], deadline)
        message = None
        try:
            message = self._append_text((yield from self._models.ask(call)))
        except (ModelError, DeadlineExceeded) as error:
            observability.report(error, event="fallback_failed")
        if message is None:
            self.recorder.add_own_text(say_in_answer(notices.NO_ANSWER_AT_ALL))

    def _note_end(self, reason: EndReason, reached: LimitReached | None = None) -> None:
        if isinstance(reached, OverBudget):
            self._over_budget = reached.says
        self.recorder.note_end(reason)

    def _open(self, opening: Sequence[OpeningCall]) -> Iterator[Event]:
        """Runs the opening calls and appends the person's message with their results, and the answer where that
        settles it."""
        calls = [ToolCall(f"opening_{i}", call.name, dict(call.arguments)) for i, call in enumerate(opening)]
        outcomes: list[ToolOutcome] = []
        for event in self._tools.run(calls):
            if isinstance(event, ToolOutcome):
                outcomes.append(event)
            else:
                yield event
        self.recorder.add_question(calls, outcomes)
        if len(outcomes) == 1 and outcomes[0].settled:  # with more, such as a thread, it may be another question
            self.recorder.add_own_text(outcomes[0].settled, is_settled=True)

    def _rewrite_question(self) -> Generator[Event, None, str]:
        """Returns the question as it can be understood alone: by the model, else by the rule."""
        config, question = self._config, self._turn.question
        if self._taken_up and self._history[-1][1].endswith(history.write_offer(self._taken_up)):
            return self._taken_up  # which stands alone
        if not self._history or (config.is_small_talk(question) and not self._taken_up):
            return question
        rewritten = self.recorder.transcript.standalone
        if rewritten is None and config.asks_model_to_rewrite and not is_local(config.models[0].name):
            rewritten = yield from self._ask_to_rewrite()
        earlier = history.list_questions(self._history, config.take_up)
        return _one_line(rewritten or "") or config.rewrite_follow_up(self._taken_up or question, earlier)

    def _ask_to_rewrite(self) -> Generator[Event, None, str | None]:
        call = ModelCall(
            Purpose.STANDALONE,
            self._config.models[:1],
            deadline=min(self._meter.ordinary_deadline, self._meter.clock() + STANDALONE_SECONDS),
            messages=prompt.standalone_messages(self._history, self._turn.question),
            max_completion_tokens=min(STANDALONE_TOKENS, self._config.limits.max_completion_tokens),
        )
        try:
            answer = yield from self._models.ask(call)
        except (ModelError, DeadlineExceeded, LimitReached) as error:
            observability.log.info("standalone_by_rule", error=str(error))
            return None
        self.recorder.add_answer(answer.call, answer.completion, None)
        return None if self._read_text_calls(answer) else str(answer.message.get("content") or "")


def _load(
    turn: Turn, config: AgentConfig, metadata: Mapping[str, str | None] | None
) -> tuple[Transcript, Sequence[EarlierTurn]]:
    """Returns what is recorded of the turn, and what was said before it; reads neither where there is none.

    A turn with a record is begun here: the calls that its earlier attempt left open count as steps.
    """
    transcript: Transcript = Transcript()
    known: Sequence[EarlierTurn] = ()
    has_earlier = turn.seq > 1 and config.history is None
    if not has_earlier and not turn.has_record:
        return transcript, known
    with config.database.transaction() as transaction:
        if turn.has_record:
            if metadata is not None:
                trace.begin(transaction, turn, metadata)
            transcript = load_transcript(transaction, turn.id)
        if has_earlier:
            known = history.load(
                transaction, turn.session_id, before=turn.seq, audience=turn.audience, config=config
            )
            earlier_turns.note_known(transaction, turn, known)
    return transcript, known


def _keep_text(message: Message) -> Message | None:
    """Returns the message without calls; None where it says nothing."""
    text = str(message.get("content") or "")
    kept = {key: value for key, value in message.items() if key != "tool_calls"}
    has_text = grounding.strip_marks(text)[0].strip()
    return cast(Message, {**kept, "role": "assistant", "content": text}) if has_text else None


def _one_line(text: str) -> str:
    """Returns a rewritten question on one line; empty where it is too long to be one."""
    line = " ".join(text.split()).strip("\"'“”`")
    return line if len(line) <= STANDALONE_CHARS else ""
