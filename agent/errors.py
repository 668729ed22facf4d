"""Errors, by who reads them. Those of other modules are named with the module.

DocentError
├── UserError             shown to the person, verbatim (Slack or terminal)
│   ├── SettingsError     a setting is missing or wrong; the process ends with exit code 2
│   ├── NoFolder          a folder to be read in is not on this machine (ingest.sources.folder)
│   ├── NoIndex           nothing was ever written at the index's address (ingest.index.table)
│   ├── BucketProblem     the index's bucket is away or refuses (ingest.index.storage.object_store)
│   ├── IndexOlder        a bucket has an older index than was written last (ingest.index.mirror.index_mirror)
│   ├── IndexOfAnother    the index belongs to another deployment (ingest.index.ownership.owner_record)
│   ├── WriterReplaced    another process writes the index now (ingest.index.ownership.owner_record)
│   ├── SuspiciousListing a source lists so little that it must be wrong; nothing changed (ingest.sync.diff)
│   ├── SyncSuperseded    another sync of the same source has begun; this one writes no more (ingest.sync.store)
│   └── _SiteRefuses      a site asks for a login everywhere; its pages are hidden (ingest.sources.web.crawl)
├── ToolError             shown to the model as the tool's result, so that it can act on it
├── ModelError            a model call failed; ``is_transient`` tells whether another try may help
├── LimitReached          the turn may not go on as before: one closing call, or the fallback, follows
│   └── OverBudget        a budget has no room; says whose, and when it opens again
│       └── BudgetTaken   it had room until others took it; to be tried again
├── DeadlineExceeded      the turn's time is over
├── Cancelled             somebody asked the turn to stop
├── QuestionEdited        the person changed the question: begin again with its new wording
├── LeaseLost             another worker owns the turn now: drop everything, write nothing
├── Abandoned             the worker is stopping: give the turn back (bot.jobs.leases.held)
└── ReplyError            the reply was not delivered; ``is_transient`` tells whether another try may help
    ├── SlackRefused      Slack answered and said no (bot.slack.client)
    ├── SlackUnavailable  Slack gave no answer (bot.slack.client)
    └── NoToken           a workspace has no token that can be used (bot.slack.installation.tokens)
        ├── NotInstalled  the app is not in this workspace, or no longer (bot.slack.installation.tokens)
        └── TokenUnreadable
                          no key of the settings decrypts its token (bot.slack.installation.tokens)

Not below DocentError, because they are caught where their module is used and reach nobody as they are:

- FetchProblem (ingest.documents.raw) and below it AccessDenied (ingest.sources.web.webpage), Walled
  (ingest.sources.web.webpage) and LoginWall (ingest.sources.web.webpage): one document cannot be had; the sync
  stores it as that document's problem.
- ConversionBug (ingest.documents.converter): a parser failed; reported to Sentry, stored as the document's
  problem.
- GitError (ingest.sources.gitrepo.command), SlackReadError (ingest.sources.slackthreads.calls): what git or Slack
  said; the source makes a UserError or a FetchProblem of it.
- ErrorEvent (agent.llm.answers.provider_stream): a server's error in a stream; a ModelError is made of it.
- UnknownManifest (ingest.index.mirror.manifest), VersionGone, MirrorFull and DamagedCopy
  (ingest.index.mirror.version_copy): an index in a bucket is not copied now; searches read the bucket.
- FileUnreadable (bot.slack.reading.file_reader): a file of a question cannot be read; a sentence below the answer
  says so.
- InstallationRefused (bot.slack.installation.oauth): Bolt's flow makes a page of it, which the installer reads.
- _Busy (agent.store.retention), NoAnswer (bot.doctor.slack), Stopped (bot.demo.run): never leave their module.
- SlackError, WorkspaceError (bot.simulator.errors): the simulator imports nothing of Docent.

Everything else is a bug: it goes to Sentry, and the person gets one fixed sentence with an error id.
Foreign errors are translated where their SDK is imported, with ``from``.
"""

from decimal import Decimal

from agent.types import Limit


class DocentError(Exception):
    """An error of this project. Its message is written by us: it quotes no question and no document."""


class UserError(DocentError):
    """Says what was tried, with which value, and what to do next."""


class SettingsError(UserError):
    """A setting is missing or wrong."""


class ToolError(DocentError):
    """Read by the model; ``hint`` says what a valid call looks like. ``cost_usd`` is what services charged."""

    def __init__(self, message: str, *, hint: str = "", cost_usd: Decimal = Decimal(0)) -> None:
        super().__init__(message)
        self.hint = hint
        self.cost_usd = cost_usd


class ModelError(DocentError):
    """A model call failed, after the retries that made sense.

    ``refused`` are parameters the model does not take; ``retry_after_seconds`` is what the provider asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        is_transient: bool = False,
        is_timeout: bool = False,
        is_stall: bool = False,
        has_begun: bool = False,
        retry_after_seconds: float = 0,
        refused: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        self.is_timeout = is_timeout
        self.is_stall = is_stall
        self.has_begun = has_begun  # something of an answer came before it broke off
        self.retry_after_seconds = retry_after_seconds
        self.refused = refused


class LimitReached(DocentError):
    """``limit`` is STEPS, TOKENS or TIME, tested before a model call, or COST or BUDGET, tested with its money."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(f"the turn reached its limit of {limit}")
        self.limit = limit


class OverBudget(LimitReached):
    """``says`` tells the person whose budget it is, and when it opens again; a sentence without its full stop.

    ``is_held``: nothing is used up, other questions that are being answered hold it.
    """

    def __init__(self, says: str, *, is_held: bool = False) -> None:
        super().__init__(Limit.BUDGET)
        self.says, self.is_held = says, is_held


class BudgetTaken(OverBudget):
    """A budget had room when it was decided how much to hold, and others have taken it since."""


class DeadlineExceeded(DocentError):
    """The turn's time is over."""


class Cancelled(DocentError):
    """``cancel_requested`` was set on the turn."""


class QuestionEdited(DocentError):
    """Changed while a worker had it: :func:`agent.store.revisions.begin_again` has the new one."""


class LeaseLost(DocentError):
    """The lease token no longer matches: another worker has the turn, or it has ended."""


class ReplyError(DocentError):
    """The reply was not delivered."""

    def __init__(self, message: str, *, is_transient: bool) -> None:
        super().__init__(message)
        self.is_transient = is_transient
