"""Prints ``docent access explain``: who may read a document, who said so, and whether a given reader may."""

from contextlib import suppress

from rich.console import Console
from rich.markup import escape

from agent.errors import UserError
from agent.store.database import Database
from agent.types import Audience
from bot import output
from ingest import source_config
from ingest.access import explanation, reader_sets
from ingest.access.declaration import Declaration
from ingest.access.explanation import DocumentAccess
from ingest.access.principals import describe_readers
from ingest.settings import IngestSettings
from ingest.sources import connector


def show(
    database: Database, settings: IngestSettings, reference: str, *, audience: Audience | None, as_json: bool
) -> None:
    """Prints an explanation of each document that the reference names; raises :class:`UserError` for none."""
    with database.transaction() as transaction:
        documents = explanation.find_documents(transaction, reference)
    if not documents:
        raise UserError(f"There is no document '{reference}'. 'docent documents NAME' lists those of a source.")
    declared = source_config.sources(settings.config, is_required=settings.is_config_named)
    console = Console(soft_wrap=True, highlight=False)
    answers = [_explain(document, settings, declared, audience) for document in documents]
    if as_json:
        output.print_json(answers)
        return
    for answer in answers:
        place = f"{answer['source']}: {answer['uri']}"
        console.print(f"[bold]{escape(str(answer['title']))}[/]  ({escape(place)})")
        for line in (answer["who"], *answer["because"], answer["as"]):  # type: ignore[misc]
            if line:
                console.print(f"  {escape(str(line))}")


def _explain(
    document: DocumentAccess,
    settings: IngestSettings,
    declared: dict[str, source_config.SourceTable],
    audience: Audience | None,
) -> dict[str, object]:
    table = declared.get(document.source)
    where = source_config.error_prefix(settings.config, document.source)
    return {
        "id": document.id,
        "source": document.source,
        "uri": document.uri,
        "title": document.title,
        "readers": reader_sets.to_json(document.readers),
        "since": document.since,
        "who": f"May be read by {describe_readers(document.readers)}, since {document.since:%Y-%m-%d %H:%M} UTC.",
        "because": [*explanation.explain_origin(document, _load_declaration(table, where), where=where)],
        "may_read": None if audience is None else not explanation.explain_refusal(document.readers, audience),
        "as": "" if audience is None else describe_answer(document, audience),
    }


def describe_answer(document: DocumentAccess, audience: Audience) -> str:
    """Says whether the whole audience may read a document, and if not, what is missing."""
    who = " + ".join(sorted({principal for member in audience.members for principal in member}))
    missing = explanation.explain_refusal(document.readers, audience)
    if not missing:
        return f"{who}: may read it."
    return f"{who}: may not read it, being none of {'; and none of '.join(missing)}."


def _load_declaration(table: source_config.SourceTable | None, where: str) -> Declaration | None:
    if table is None:
        return None
    with suppress(UserError):
        return connector.validate_readers(table, where=where)
    return None
