"""Everybody of a workspace, told apart by what they are, and kept up to date person by person."""

from hypothesis import given
from hypothesis import strategies as st

from agent.types import EVERYONE, EXTERNAL, GUESTS
from bot.slack.membership.directory import Everybody
from bot.slack.membership.people import SlackUser, UserKind

IDS = [f"U{i}" for i in range(6)]
users = st.builds(
    SlackUser,
    st.sampled_from(IDS),
    st.sampled_from(UserKind),
    st.frozensets(st.sampled_from(["T1", "T2"])),
    st.sampled_from(["", "a@one.example", "b@one.example", "c@two.example"]),
)
many = st.lists(users, unique_by=lambda user: user.id)
PRINCIPALS = [
    *(f"user:{id_}" for id_ in IDS),
    *(EVERYONE, GUESTS, EXTERNAL, "team:T1", "team:T2", "group:S1"),
    *("email:a@one.example", "email:b@one.example", "email:c@two.example"),
    *("domain:one.example", "domain:two.example"),
]


@given(many, many)
def test_who_is_replaced_is_known_as_if_all_were_listed_again(old: list[SlackUser], new: list[SlackUser]) -> None:
    before = Everybody(old)
    after = before.replace({user.id: user for user in new})
    for everybody, listed in ((before, old), (after, [*old, *new])):
        expected = {user.id: user for user in listed}
        assert everybody.by_id == expected
        for principal in PRINCIPALS:
            holders = {user.id for user in expected.values() if principal in user.principals}
            assert set(everybody.holders(principal)) == holders
        apart = {UserKind.APP, UserKind.GONE}
        assert everybody.readers == {user.id for user in expected.values() if user.kind not in apart}
