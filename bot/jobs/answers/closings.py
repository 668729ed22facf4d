"""What stands below an answer: its sources' dates, what it cost, what to ask next, and who can help."""

from collections.abc import Sequence

from agent.turn import loop
from agent.turn.events import Finished
from agent.types import EndReason
from bot.jobs import suggestions
from bot.jobs.answers.progress import AnswerProgress
from bot.jobs.context import WorkerContext
from bot.jobs.readers.final_check import ClaimedTurn
from bot.slack.replies.reply import NOTHING_BELOW, Closing
from ingest.index.table import IndexedHeading


def build(
    context: WorkerContext, claimed: ClaimedTurn, run: loop.TurnRun, finished: Finished, progress: AnswerProgress
) -> Closing:
    """Returns what stands below an answer from documents; below one that found nothing, which people can help."""
    is_answered = finished.reason is not EndReason.NO_EVIDENCE  # else documents may be named, as the closest ones
    if not finished.sources:
        if claimed.posted is None or is_answered:
            return NOTHING_BELOW
        return Closing(help=context.find_help(claimed.posted, is_answered=False))
    dates = progress.final.dates
    if not dates:  # the text was stored by an earlier attempt, or nobody in Slack sees it
        with context.database.transaction() as transaction:
            ids = {source.passage.document_id for source in finished.sources}
            dates = context.look_up_documents(transaction, ids, claimed.turn.audience).dates
    if claimed.posted is None:
        return Closing(dates)
    headings: Sequence[IndexedHeading] = ()
    if context.library and claimed.index:
        library, cited = context.library.at(claimed.index), suggestions.list_cited(finished.sources)
        headings = library.list_headings(cited, audience=claimed.turn.audience)
    address = claimed.posted.address
    return Closing(
        dates,
        context.describe_cost(run.recorder.transcript) if context.settings_of(claimed.posted).cost_line else "",
        suggestions.suggest(finished.sources, headings, claimed.turn.question),
        address.place,
        claimed.turn.session_key,
        context.find_help(claimed.posted, is_answered=is_answered),
    )
