"""To which installation something belongs that Slack sends."""

from typing import Any

import pytest

from bot.slack.installation import origin

ORG = {"enterprise_id": "E1", "team_id": None, "user_id": "W1", "is_bot": True, "is_enterprise_install": True}
AT_T1 = {"enterprise_id": None, "team_id": "T1", "user_id": "U1", "is_bot": True, "is_enterprise_install": False}


@pytest.mark.parametrize(
    ("body", "workspace"),
    [
        ({"team_id": "T1"}, "T1"),
        ({"team_id": "T2", "context_team_id": "T1", "authorizations": [AT_T1]}, "T1"),  # said by another company
        ({"team_id": "T2", "context_team_id": "T1", "authorizations": []}, "T1"),
        ({"team_id": "T1", "authorizations": [ORG]}, "E1"),
        ({"team_id": "T1", "enterprise_id": "E1", "is_enterprise_install": "true"}, "E1"),  # a command
        (
            {"team": None, "enterprise": {"id": "E1"}, "is_enterprise_install": True, "user": {"team_id": "T1"}},
            "E1",
        ),
        (
            {"team": {"id": "T1"}, "enterprise": None, "is_enterprise_install": False, "user": {"team_id": "T2"}},
            "T1",
        ),
        ({"team": {"id": "T2"}, "view": {"app_installed_team_id": "T1"}}, "T1"),  # a form in a shared channel
        ({"team_id": None, "enterprise_id": "E1", "event": {"type": "app_uninstalled"}}, "E1"),
        (
            {  # as the documentation of Slack shows it: not through the organisation's installation
                "team_id": "T1",
                "authorizations": [{**AT_T1, "enterprise_id": "E1"}],
                "event": {"type": "team_access_revoked", "team_ids": ["T2"]},
            },
            "E1",
        ),
        ({"team_id": None, "enterprise_id": "E1", "event": {"type": "team_access_granted"}}, "E1"),
        ({"team": None, "authorizations": "x", "enterprise": ["E1"], "is_enterprise_install": True}, ""),
        ({}, ""),
    ],
)
def test_it_is_the_installation_and_not_where_it_happened(body: dict[str, Any], workspace: str) -> None:
    assert origin.find_workspace(body) == workspace
