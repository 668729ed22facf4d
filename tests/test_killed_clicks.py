"""The web process is killed with SIGKILL between storing what somebody clicks and Slack: it is done, and once."""

from collections.abc import Callable

import pytest

from bot.simulator import ADA, GRACE, HELP, SlackMessage
from bot.slack.channels import channel_settings
from bot.slack.interactions.experts import correction_form, request_message
from bot.slack.replies.closing import buttons
from tests.scripted_model import Say, ScriptedModel
from tests.system import QUESTION, System


@pytest.mark.soak
@pytest.mark.parametrize("is_done", [True, False])
def test_what_people_click_is_done_once_although_the_web_process_is_killed(world: System, is_done: bool) -> None:
    """A request for a person, its end, and a correction; ``is_done``: Slack did it, and nobody heard of that."""

    def kill_in(method: str, click: Callable[[], object]) -> None:
        faults = world.workspace.faults
        rule = faults.lose_answer(method, times=None) if is_done else faults.slow(method, seconds=60, times=1)
        click()
        world.wait_for(lambda: rule.n_hits)
        world.kill("web")
        faults.clear()
        world.start("web")

    with ScriptedModel(lambda request: Say("You can carry over 5 days [1].")) as model:
        world.env |= {"DOCENT_MODEL": "openai/scripted", "DOCENT_MODEL_API_BASE": model.base_url}
        with world.database.transaction() as transaction:
            channel_settings.change_all(
                transaction,
                team=world.workspace.app.team_id,
                channel=HELP,
                changes={"experts": [GRACE]},
                changed_by="operator",
            )
        world.start("web", "worker", "clock")
        ada, grace = world.workspace.person(ADA), world.workspace.person(GRACE)
        ts = ada.mention(HELP, QUESTION)
        world.wait_for_turns(1)
        (answer,) = world.replies(HELP, ts)

        kill_in("chat.postMessage", lambda: ada.click(answer.ts, buttons.ASK_HUMAN))
        request = wait_for_said(world, ts, f"<@{ADA}> needs a person's answer here")
        kill_in("chat.update", lambda: grace.click(request.ts, request_message.RESOLVE))
        wait_for_said(world, ts, request_message.RESOLVED.format(resolver=GRACE))

        grace.click(answer.ts, buttons.CORRECT)
        (modal,) = world.wait_for(grace.modals)
        written = {correction_form.QUESTION: QUESTION, f"{correction_form.ANSWER}_0": "Six days, since May [1]."}
        form: dict[str, dict[str, object]] = {name: {name: value} for name, value in written.items()}
        kill_in("chat.update", lambda: grace.submit(modal["id"], form))
        wait_for_said(world, ts, f"<@{ADA}> Grace Okafor has corrected the answer above.")
        replies = world.replies(HELP, ts)
        assert [answer.ts, request.ts] == [reply.ts for reply in replies[:2]]
        assert "Six days, since May" in replies[0].plain
        assert len(replies) == 3


def wait_for_said(world: System, ts: str, part: str) -> SlackMessage:
    """The only reply that says it."""

    def find() -> SlackMessage | None:
        said = [reply for reply in world.replies(HELP, ts) if part in reply.plain]
        assert len(said) <= 1
        return said[0] if said else None

    return world.wait_for(find)
