"""What looks like a secret, and what does not."""

import pytest

from agent.secrets import contains_secret, find_open_secret, redact

SECRETS = [
    "xoxb-123456789012-abcdef",
    "xapp-1-A012345-678",
    "sk-proj-4fA9bX7cQ2dL5eZ8",
    "pk_live_4fA9bX7cQ2dL5eZ8",
    "ghp_abcdefghijklmnopqrst",
    "github_pat_abcdefghijklmnopqrst",
    "glpat-abcdefghijklmnop",
    "AKIA1234567890ABCDEF",
    "AIzaabcdefghijklmnopqrstuvwxyz12345",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeK",
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nabc",
    "password: hunter2",
    "The API key is a1b2c3",
    "Passwort = geheim1",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_and_taken_out_whole(secret: str) -> None:
    assert contains_secret(f"Take {secret} please")
    text = redact(f"Take {secret}\nplease", "…")
    assert secret.rsplit(maxsplit=1)[-1] not in text
    assert not contains_secret(text)


@pytest.mark.parametrize(
    "key",
    [
        "akia1234567890abcd",
        "GHP_abcdefghij1234567890",
        "SK-ABCDEFGH12345678IJKL",
        "sk-abcdefghijklmnopqrstuv",
        "xoxb-____________abc",
        "-----begin rsa private key-----",
    ],
)
def test_what_is_only_likely_a_key_is_kept_from_quotes(key: str) -> None:
    assert contains_secret(f"The deploy key is {key}.")


@pytest.mark.parametrize(
    "text",
    [
        "The password is changed every ninety days.",
        "Ask for a token: it takes a day.",
        "sk-estimators-are-documented-elsewhere",
        "Ask the risk-management team.",
        "A password has 12 characters.",
    ],
)
def test_an_ordinary_sentence_is_none(text: str) -> None:
    assert redact(text, "…") == text


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("The password", 4),
        ("The password is", 4),
        ("Use the API key =", 8),
        ("Key: -----BEGIN PRIVATE KEY-----\nab", 5),
        ("The password is hunter2", None),
        ("All done", None),
    ],
)
def test_what_may_become_a_secret_is_known_by_its_beginning(text: str, start: int | None) -> None:
    assert find_open_secret(text) == start


@pytest.mark.parametrize("text", ["token:" * 20_000, "password " * 20_000, "password" + " " * 100_000])
def test_no_text_takes_quadratic_time(
    text: str,
) -> None:  # it would take minutes, and end at the test's time limit
    assert not contains_secret(text)
    find_open_secret(text)
