"""The workspaces into which the app was installed, as Postgres keeps them: who they are, and encrypted tokens.

Promises that tokens are stored encrypted or not at all, and deleted with the removal of the app; the row stays, so
that what was asked there keeps its workspace's name, until that is forgotten too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Update, select, update
from sqlalchemy.dialects.postgresql import insert

from agent.clock import now
from agent.store.database import Transaction
from bot.slack.installation import origin
from bot.slack.installation.tables import WorkspaceRow

if TYPE_CHECKING:
    from bot.slack.installation.encryption import BotTokens, TokenCipher


class RemovalReason(StrEnum):
    """Why the app is in a workspace no more: ``workspaces.removed_because``."""

    UNINSTALLED = "app_uninstalled"
    REVOKED = "tokens_revoked"
    OPERATOR = "removed_by_operator"


@dataclass(frozen=True)
class InstalledWorkspace:
    """A workspace, or an organisation (``E…``) with all of its workspaces; without its tokens."""

    id: str
    enterprise_id: str | None
    name: str
    app_id: str | None
    bot_id: str | None
    bot_user_id: str | None
    scopes: tuple[str, ...]
    installed_at: datetime
    installed_by: str | None = None
    expires_at: datetime | None = None
    release: str | None = None
    removed_at: datetime | None = None
    removed_because: str | None = None

    @property
    def is_installed(self) -> bool:
        """Returns whether the app is there."""
        return self.removed_at is None

    @property
    def is_organisation(self) -> bool:
        """Returns whether the app is in a whole organisation of Enterprise Grid."""
        return origin.is_organisation(self.id)

    @property
    def title(self) -> str:
        """Returns the name with the id."""
        return f"{self.name} ({self.id})" if self.name else self.id


def list_workspaces(transaction: Transaction, *, also_removed: bool = False) -> list[InstalledWorkspace]:
    """Lists the workspaces by name; those that were removed only where they are asked for."""
    rows = select(WorkspaceRow).order_by(WorkspaceRow.name, WorkspaceRow.id)
    if not also_removed:
        rows = rows.where(WorkspaceRow.removed_at.is_(None))
    return [_to_workspace(row) for row in transaction.scalars(rows)]


def list_installed(transaction: Transaction, among: Collection[str] | None = None) -> list[str]:
    """Lists the ids of the workspaces that have the app now; those ``among`` some, where these are given."""
    ids = select(WorkspaceRow.id).where(WorkspaceRow.removed_at.is_(None)).order_by(WorkspaceRow.id)
    if among is not None:
        ids = ids.where(WorkspaceRow.id.in_(among))
    return list(transaction.scalars(ids))


def find_workspace(transaction: Transaction, id_: str) -> InstalledWorkspace | None:
    """Finds one, whether the app is still there or not."""
    row = transaction.get(WorkspaceRow, id_)
    return _to_workspace(row) if row else None


def store(transaction: Transaction, workspace: InstalledWorkspace, ciphertext: str) -> None:
    """Stores an installation; one of the same workspace before is replaced, whatever became of it."""
    values = {
        "id": workspace.id,
        "enterprise_id": workspace.enterprise_id,
        "name": workspace.name,
        "app_id": workspace.app_id,
        "bot_id": workspace.bot_id,
        "bot_user_id": workspace.bot_user_id,
        "scopes": list(workspace.scopes),
        "tokens": ciphertext,
        "expires_at": workspace.expires_at,
        "installed_by": workspace.installed_by,
        "installed_at": workspace.installed_at,
        "release": workspace.release,
        "removed_at": None,
        "removed_because": None,
    }
    statement = insert(WorkspaceRow).values(values)
    transaction.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def load_tokens(
    transaction: Transaction, cipher: "TokenCipher", id_: str
) -> "tuple[BotTokens, datetime | None] | None":
    """Loads a workspace's tokens and when they expire; None where the app is not installed."""
    row = transaction.execute(
        select(WorkspaceRow.tokens, WorkspaceRow.expires_at).where(
            WorkspaceRow.id == id_, WorkspaceRow.removed_at.is_(None), WorkspaceRow.tokens.is_not(None)
        )
    ).one_or_none()
    return (cipher.decrypt(id_, str(row[0])), row[1]) if row else None


def replace_tokens(
    transaction: Transaction, cipher: "TokenCipher", id_: str, tokens: "BotTokens", expires_at: datetime | None
) -> None:
    """Stores the tokens that stand in the place of others, unless the app was removed meanwhile."""
    values = {"tokens": cipher.encrypt(id_, tokens), "expires_at": expires_at}
    transaction.execute(_present(id_).values(values))


def encrypt_anew(transaction: Transaction, cipher: "TokenCipher") -> int:
    """Encrypts every workspace's tokens with the newest key; returns of how many."""
    rows = select(WorkspaceRow.id, WorkspaceRow.tokens).where(WorkspaceRow.tokens.is_not(None)).with_for_update()
    stored = transaction.execute(rows).all()
    for id_, ciphertext in stored:
        fresh = cipher.encrypt(id_, cipher.decrypt(id_, str(ciphertext)))
        transaction.execute(update(WorkspaceRow).where(WorkspaceRow.id == id_).values(tokens=fresh))
    return len(stored)


def list_expiring(transaction: Transaction, before: datetime) -> Sequence[str]:
    """Lists the workspaces whose tokens expire before a moment."""
    due = select(WorkspaceRow.id).where(WorkspaceRow.expires_at < before, WorkspaceRow.tokens.is_not(None))
    return transaction.scalars(due.order_by(WorkspaceRow.expires_at)).all()


def remove(
    transaction: Transaction,
    id_: str,
    reason: RemovalReason,
    *,
    before: datetime | None = None,
    bot_users: Sequence[str] = (),
    ciphertext: str = "",
) -> bool:
    """Deletes a workspace's tokens, and notes since when and why the app is not there; returns whether it was.

    Only an installation ``before`` a moment, where one is given: Slack may tell of an earlier one late. Only one
    of these ``bot_users``, where some are named, and only these tokens, where they are given.
    """
    conditions: list[ColumnElement[bool]] = [WorkspaceRow.installed_at <= before] if before else []
    if ciphertext:
        conditions.append(WorkspaceRow.tokens == ciphertext)
    if bot_users:
        conditions.append(WorkspaceRow.bot_user_id.in_(bot_users))
    gone = {"tokens": None, "expires_at": None, "removed_at": now(), "removed_because": reason}
    removed = transaction.execute(_present(id_).where(*conditions).values(gone).returning(WorkspaceRow.id))
    return removed.one_or_none() is not None


def _present(id_: str) -> Update:
    return update(WorkspaceRow).where(WorkspaceRow.id == id_, WorkspaceRow.removed_at.is_(None))


def _to_workspace(row: WorkspaceRow) -> InstalledWorkspace:
    return InstalledWorkspace(
        id=row.id,
        enterprise_id=row.enterprise_id,
        name=row.name,
        app_id=row.app_id,
        bot_id=row.bot_id,
        bot_user_id=row.bot_user_id,
        scopes=tuple(row.scopes),
        installed_at=row.installed_at,
        installed_by=row.installed_by,
        expires_at=row.expires_at,
        release=row.release,
        removed_at=row.removed_at,
        removed_because=row.removed_because,
    )
