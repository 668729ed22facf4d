"""Says what a backup contains and what it does not, and what is to be done after a restoration."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.text import count, cut
from bot.record.safekeeping.backup import configuration, table_copies
from bot.record.safekeeping.backup.making import CONFIG_PART
from bot.record.safekeeping.backup.manifest import BackupManifest
from bot.record.safekeeping.backup.restoring import Restoration

MAX_NAMED = 8
COUNTED = {  # what an operator knows by another name than the table's
    "turns": "question",
    "documents": "document",
    "model_calls": "model call",
    "feedback": "rating",
    "verified_answers": "verified answer",
    "workspaces": "workspace",
}
NOT_INSIDE = (
    "Not inside: secrets (tokens, passwords, keys: {secrets}), the documents' sources, what stands in Slack, and "
    "Redis, which may be lost."
)


def describe_made(path: Path, manifest: BackupManifest) -> Iterator[str]:
    """Yields lines about what was backed up, and what was not."""
    yield f"{path}: {_describe_size(path.stat().st_size)}, {_describe_contents(manifest)}."
    if manifest.index.is_included:
        yield "The index is inside: after a restoration nothing has to be read again."
    else:
        yield "The index is not inside: after a restoration 'docent sync' makes it again. --index includes it."
    yield NOT_INSIDE.format(secrets=_name(manifest.secrets) or "none are set here")
    if manifest.n_encrypted:
        keys = " or ".join(manifest.token_keys) or "that is not set here"
        yield (
            f"The tokens of {count(manifest.n_encrypted, 'workspace')} are inside, encrypted: they need the key "
            f"of DOCENT_TOKEN_KEYS with the fingerprint {keys}. Keep it elsewhere than this file."
        )
    if manifest.n_open:
        waited = "1 question waits" if manifest.n_open == 1 else f"{manifest.n_open:,} questions wait"
        yield f"{waited} for an answer; what becomes of that after a restoration: 'docent restore --help'."
    if manifest.left_out:
        yield f"Left out, because they are not Docent's: {_name(manifest.left_out)}."


def describe_restored(
    manifest: BackupManifest, done: Restoration, environ: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """Yields lines about what was restored, and what is to be done now."""
    yield (
        f"Restored, as of {manifest.taken_at:%Y-%m-%d %H:%M} UTC, from {manifest.release}: "
        f"{_describe_contents(manifest)}."
    )
    yield "What is to be done now:"
    for n, sentence in enumerate(list_todo(manifest, done, environ), 1):
        yield f"{n}. {sentence}"


def to_json(manifest: BackupManifest, done: Restoration) -> dict[str, object]:
    """Returns the same for programs."""
    return {
        "taken_at": manifest.taken_at,
        "release": manifest.release,
        "n_rows": done.n_rows,
        "n_open_left": done.questions.n_left,
        "n_open_ended": done.questions.n_ended,
        "n_indexed": done.n_indexed,
        "todo": list_todo(manifest, done, os.environ),
    }


def list_todo(manifest: BackupManifest, done: Restoration, environ: Mapping[str, str]) -> list[str]:
    """Lists what an operator has to do after a restoration, in order."""
    return [sentence for sentence in _todo(manifest, done, environ) if sentence]


def _todo(manifest: BackupManifest, done: Restoration, environ: Mapping[str, str]) -> tuple[str, ...]:
    missing = configuration.list_missing(manifest.settings, manifest.secrets, environ)
    return (
        f"Set what was set where the backup was made, and is not here: {_name(missing)}." if missing else "",
        _describe_tokens(manifest, done),
        _describe_config(done),
        _describe_index(manifest, done),
        _describe_questions(done),
        "Start web, worker and clock, and run 'docent doctor' and 'docent check'.",
    )


def _describe_index(manifest: BackupManifest, done: Restoration) -> str:
    if done.index_problem:
        return f"{done.index_problem} Run 'docent sync': it reads in what is missing."
    if done.n_indexed:
        return (
            f"The index has the {count(done.n_indexed, 'document')} of then. Run 'docent sync' before the workers "
            "start: what was deleted or forbidden since then is answered until it is done."
        )
    if manifest.index.is_included:
        return ""
    return (
        "Run 'docent sync' (or 'docent ingest' again): the index is not in the backup, and nothing is found until "
        "all documents are read in again. An index that is still at its address is brought up to date by it."
    )


def _describe_questions(done: Restoration) -> str:
    questions = done.questions
    parts = []
    if questions.n_left:
        waited = "1 question was" if questions.n_left == 1 else f"{questions.n_left:,} questions were"
        parts.append(f"{waited} open: a worker looks after that in Slack, and answers none of them twice.")
    if questions.n_ended:
        ended = "1 open question has" if questions.n_ended == 1 else f"{questions.n_ended:,} open questions have"
        parts.append(f"{ended} ended as 'restored' ('docent sessions list --reason restored').")
    return " ".join(parts)


def _describe_tokens(manifest: BackupManifest, done: Restoration) -> str:
    if not done.unreadable:
        return ""
    keys = " or ".join(manifest.token_keys) or "of then"
    return (
        f"No key of DOCENT_TOKEN_KEYS opens the tokens of {_name(done.unreadable)}: add the key with the "
        f"fingerprint {keys}, or install the app there anew."
    )


def _describe_config(done: Restoration) -> str:
    if not done.lacks_config:
        return ""
    return (
        f"There is no {done.lacks_config}, which declares the sources. 'unzip -p FILE {CONFIG_PART}' prints the "
        "one in the backup, without secrets."
    )


def _describe_contents(manifest: BackupManifest) -> str:
    tables = [part for part in manifest.parts if part.name.startswith(table_copies.FOLDER)]
    rows = {part.name.removeprefix(table_copies.FOLDER): part.n_rows for part in tables}
    counts = [count(rows[name], noun) for name, noun in COUNTED.items() if rows.get(name)]
    counts.append(f"{count(sum(rows.values()), 'row')} at revision {manifest.revision}")
    return ", ".join(counts)


def _describe_size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 100_000 else f"{n_bytes / 1e3:,.1f} kB"


def _name(names: "tuple[str, ...] | list[str]") -> str:
    shown, n_more = cut(names, MAX_NAMED)
    return ", ".join(shown) + (f" and {n_more} more" if n_more else "")
