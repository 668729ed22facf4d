"""Through which installation Slack sent something: the workspace to which it belongs.

Promises to raise nothing, whatever Slack sends. In a channel that several companies share, and in an organisation
of Enterprise Grid, that is not where it happened: ``team_id`` names that place.
"""

from bot.slack.client import Payload
from bot.slack.reading.foreign_json import list_objects, to_id, to_object

# Events about single workspaces of an organisation, in all of which the app may be.
OF_ORGANISATIONS = ("team_access_granted", "team_access_revoked")


def find_workspace(body: Payload) -> str:
    """Returns the workspace's id, ``T…``, or the organisation's, ``E…``, where the app is in all of it.

    Empty where Slack names neither.

    >>> find_workspace({"team_id": "T1"})
    'T1'
    >>> find_workspace({"team": None, "enterprise": {"id": "E1"}, "is_enterprise_install": True})
    'E1'
    """
    authorization = next(list_objects(body.get("authorizations")), {})
    is_of_all = authorization.get("is_enterprise_install", body.get("is_enterprise_install"))
    if is_of_all in (True, "true") or to_object(body.get("event")).get("type") in OF_ORGANISATIONS:
        return find_organisation(body)
    user, view = to_object(body.get("user")), to_object(body.get("view"))
    return _first(
        view.get("app_installed_team_id"),  # of a form that was opened in a shared channel
        to_object(body.get("team")).get("id"),
        authorization.get("team_id"),
        body.get("context_team_id"),
        body.get("team_id"),
        user.get("team_id"),
        view.get("team_id"),
        body.get("enterprise_id"),
    )


def find_person(body: Payload) -> str:
    """Returns the id of the person who did what Slack tells of; empty where it names nobody.

    >>> find_person({"user_id": "U1"}), find_person({"event": {"user": "U2"}}), find_person({"user": {"id": "U3"}})
    ('U1', 'U2', 'U3')
    """
    event = to_object(body.get("event"))
    edited = to_object(event.get("message"))
    return _first(
        to_object(body.get("user")).get("id"), body.get("user_id"), event.get("user"), edited.get("user")
    )


def find_organisation(body: Payload) -> str:
    """Returns the id of the organisation of Enterprise Grid to which the workspace belongs; empty for none."""
    return _first(
        next(list_objects(body.get("authorizations")), {}).get("enterprise_id"),
        to_object(body.get("enterprise")).get("id"),
        body.get("enterprise_id"),
        body.get("context_enterprise_id"),
    )


def is_organisation(workspace: str) -> bool:
    """Returns whether an id is that of an organisation of Enterprise Grid.

    >>> is_organisation("E0123"), is_organisation("T0123")
    (True, False)
    """
    return workspace.startswith("E")


def is_open_to_all(channel: Payload, workspace: str) -> bool:
    """Returns whether a channel that is not private is open to all of an installation, as Slack describes it.

    In an organisation mostly not: each of its workspaces has channels of its own.
    """
    return not is_organisation(workspace) or channel.get("is_global_shared") is True


def _first(*ids: object) -> str:
    return next((found for one in ids if (found := to_id(one))), "")
