"""The commands that a new operator runs first: demo, doctor, manifest."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.output import AsJson

if TYPE_CHECKING:
    from bot.slack.installation.manifest import Manifest

REINSTALL = (
    "Each workspace has them once the app is installed there anew (from its settings, or /slack/install); until "
    "then everything else works as before."
)


def demo(
    docs: Annotated[
        Path | None, typer.Option(help="Answer from the documents in this folder. Default: a sample handbook.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Serve the page on this port.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Try Docent with a simulated Slack. Everything runs on this machine; the page opens in a browser."""
    from bot.demo.console import working

    with working("loading"):  # takes seconds where nothing is compiled yet
        import agent.settings
        from agent import observability
        from bot.processes import startup_checks

        startup_checks.check_demo()
        from bot.demo import run
    settings = agent.settings.load().model_copy(update={"sentry_dsn": None})  # a demo's errors alarm nobody
    observability.set_up(settings, process="demo")
    run.run(docs=docs, port=port, opens_browser=browser)


def doctor(
    json_: AsJson = False,
    model_call: Annotated[
        bool | None,
        typer.Option("--model-call/--no-model-call", help="Call the model once, or do not. Default: ask."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Test whether the web process can be reached at this address: https://your.host"),
    ] = None,
) -> None:
    """Check everything that Docent needs. Says how to fix what fails."""
    from agent import observability
    from bot.doctor import examination, report

    context = examination.make_context(may_call=model_call, url=url)
    observability.set_up(context.kernel.model_copy(update={"sentry_dsn": None}), process="cli")
    models = examination.external_models(context)
    if models and model_call is None and not json_ and sys.stdin.isatty() and sys.stdout.isatty():
        context.may_call = typer.confirm(f"Call {' and '.join(models)} once, for a fraction of a cent?")
    if not report.print_findings(examination.examine(context), as_json=json_):
        sys.exit(1)


def manifest(
    *,
    url: Annotated[
        str | None,
        typer.Option(help="Have Slack send events to this public address, by HTTP. Default: Socket Mode."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name the bot.")] = "Docent",
    command: Annotated[
        str, typer.Option(help="Name the slash command that asks; DOCENT_COMMAND names the other.")
    ] = "/ask",
    organisations: Annotated[
        bool, typer.Option("--organisations", help="Let organisations of Enterprise Grid install it whole.")
    ] = False,
    rotate_tokens: Annotated[
        bool, typer.Option("--rotate-tokens", help="Have tokens expire after twelve hours; Docent renews them.")
    ] = False,
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="APP", help="Update this app, A0123, after showing what changes."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Update it without asking.")] = False,
) -> None:
    """Print the Slack app's manifest. Paste it at api.slack.com/apps: Create New App, From a manifest.

    With --apply, update an app that exists, by the configuration token in SLACK_CONFIG_TOKEN.
    """
    import bot.settings
    from bot import output
    from bot.slack.installation import manifest
    from bot.slack.installation.manifest import Distribution

    settings = bot.settings.load()
    built = manifest.build(
        url=url,
        name=name,
        command=command,
        docent_command=settings.command,
        prompts=settings.prompts,
        distribution=Distribution(settings.slack_redirect_uri, organisations, rotate_tokens),
    )
    if apply:
        _apply(apply, built, yes=yes)
    else:
        output.print_json(built)


def _apply(app_id: str, manifest: "Manifest", *, yes: bool) -> None:
    import bot.settings
    from agent.errors import UserError
    from bot.slack.installation import manifest_update
    from bot.slack.installation.manifest_update import AppManifests

    settings = bot.settings.load()
    if settings.slack_config_token is None:
        raise UserError(f"{manifest_update.SETTING} is not set. Generate a token at {manifest_update.WHERE}.")
    manifests = AppManifests(settings.slack_config_token.get_secret_value(), settings.slack_api_url)
    change = manifests.compare(app_id, manifest)
    lines = list(change.list_lines())
    if not lines:
        print(f"{app_id} is as the manifest says already.")
        return
    print("\n".join(lines))
    if change.new_scopes:
        print(f"\nNew permissions: {', '.join(change.new_scopes)}. {REINSTALL}")
    if not yes:
        typer.confirm(f"Update {app_id}?", abort=True)
    is_reinstalled = manifests.apply(change)
    print(f"Updated {app_id}." + (f" {REINSTALL}" if is_reinstalled and not change.new_scopes else ""))
