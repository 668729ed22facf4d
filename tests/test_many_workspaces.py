"""Two workspaces install the app while all of Docent runs, ask the same by the same ids, and one removes it."""

from pathlib import Path

from bot.simulator import ADA, HELP, WorkspaceServer
from bot.slack.installation import encryption
from tests.bot.slack.installation import two_workspaces
from tests.bot.slack.installation.two_workspaces import FIRST, SECOND, Browser
from tests.system import System

QUESTION = "What does the pelican rule say?"


def test_they_install_ask_and_leave_apart(world: System, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{world.env['PORT']}"
    first, second = two_workspaces.make_workspaces(url)
    config = tmp_path / "docent.toml"
    for name, place, said in (("ours", FIRST, "pelicans come first"), ("theirs", SECOND, "pelicans come last")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# Pelicans\n\nThe pelican rule says that {said}.\n")
        with config.open("a") as file:
            file.write(
                f'[sources.{name}]\nlocation = "{tmp_path / name}"\nlink = "https://{name}.example/{{path}}"\n'
                f'workspaces = ["{place}"]\n'
            )
    with WorkspaceServer(first, others=[second]) as server:
        del world.env["SLACK_BOT_TOKEN"]
        world.env |= {
            "SLACK_API_URL": server.api_url,
            "SLACK_CLIENT_ID": first.app.client_id,
            "SLACK_CLIENT_SECRET": first.app.client_secret,
            "SLACK_REDIRECT_URI": f"{url}/slack/oauth_redirect",
            "DOCENT_TOKEN_KEYS": encryption.make_key(),
            "DOCENT_CONFIG": str(config),
        }
        world.start("web", "worker", "clock")
        browser = Browser()
        for team in (FIRST, SECOND):
            _, _, to_slack = browser.open(f"{url}/slack/install")
            assert browser.open(browser.allow(to_slack, team))[0] == 200
        world.wait_for(lambda: len(world.query("SELECT 1 FROM syncs WHERE status = 'completed'")) >= 3 or None)

        asked = {team: one.person(ADA).mention(HELP, QUESTION) for team, one in ((FIRST, first), (SECOND, second))}
        world.wait_for_turns(2)
        for workspace, own in ((first, "come first"), (second, "come last")):
            bot = workspace.app.bot_user_id
            (reply,) = [m for m in workspace.thread(HELP, asked[workspace.app.team_id]) if m.user == bot]
            assert own in reply.plain
            assert {call.error for call in workspace.calls} == {""}

        second.uninstall()
        world.wait_for(lambda: world.query("SELECT 1 FROM workspaces WHERE removed_at IS NOT NULL"))
        ts = first.person(ADA).mention(HELP, f"{QUESTION} I ask again.")
        world.wait_for_turns(3)
        assert any("come first" in m.plain for m in first.thread(HELP, ts)[1:])
        log = world.logs()
        for workspace in (first, second):
            for token in (workspace.app.bot_token, *workspace.app._past, workspace.app.client_secret):
                assert not token or token not in log
        assert world.env["DOCENT_TOKEN_KEYS"] not in log
