"""Posts a message of which nothing else knows whether it exists: once, whatever crashes.

The caller stores that it begins, and holds a lock. Where an earlier try may have posted it, it is looked for by
the mark that it carries.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from agent import observability
from bot.slack.block_kit import Message
from bot.slack.client import MISSING_SCOPE, Payload, SlackClient, SlackRefused
from bot.slack.replies import forms

PAGE = 200
SKEW = timedelta(minutes=1)  # between this clock and Slack's
Mark = Mapping[str, object]  # the metadata of a message


def post(
    slack: SlackClient,
    message: Sequence[Message],
    *,
    channel: str,
    thread_ts: str | None,
    mark: Mark,
    sought_since: datetime | None,
) -> str:
    """Posts the first of the message's forms that Slack takes, unless it is there; returns its ``ts``.

    ``sought_since`` is when an earlier try began; None where there was none. Raises
    :class:`agent.errors.ReplyError`.
    """
    if sought_since and (ts := find(slack, channel, thread_ts, mark=mark, since=sought_since)):
        return ts
    posted = forms.send(
        message,
        lambda form: slack.call(
            "chat.postMessage",
            is_repeatable=False,
            channel=channel,
            thread_ts=thread_ts,
            unfurl_links=False,
            unfurl_media=False,
            metadata=mark,
            **form,
        ),
    )
    return str(posted["ts"])


def find(slack: SlackClient, channel: str, thread_ts: str | None, *, mark: Mark, since: datetime) -> str | None:
    """Returns the message's ``ts``; None where the conversation may not be read: twice is better than never."""
    try:
        for message in _read(slack, channel, thread_ts, since - SKEW):
            if message.get("metadata") == mark and slack.is_own(message):
                return str(message["ts"])
    except SlackRefused as error:
        if error.is_transient and error.code != MISSING_SCOPE:
            raise
        observability.report(error, event="post_not_searched")
    return None


def _read(slack: SlackClient, channel: str, thread_ts: str | None, since: datetime) -> Iterator[Payload]:
    method = "conversations.replies" if thread_ts else "conversations.history"
    cursor: str | None = None
    while True:
        page = slack.call(
            method,
            is_repeatable=True,
            channel=channel,
            ts=thread_ts,
            oldest=f"{since.timestamp():.6f}",
            include_all_metadata=True,
            limit=PAGE,
            cursor=cursor,
        )
        yield from page.get("messages", ())
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
