"""What looks like a secret, and what does not."""

import re
from os import environ
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.secrets import contains_secret, find_open_secret, mask, mask_all, redact, redact_json, rules

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
    "https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/abcdefGHIJKL",
    "https://me:s3cret@git.example",
    "postgresql://user:Tr0ub4dor@db.example/docent",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nxyz\n-----END PGP PRIVATE KEY BLOCK-----",
    "npm_abcdefghij1234567890",
    "hf_abcdefghij1234567890",
    "glsa_abcdefghij1234567890",
    "dop_v1_abcdefghij1234567890",
    "SG.abcdefghijkl.mnopqrstuvwx",
    "ya29.abcdefghijklmnopqrstuv",
    "AccountKey=abcdefghijklmnopqrstuvwxyz1234567890==",
    "xo\u200bxb-123456\u2060789012-abcdef",
    "Authorization: Bearer abcdef1234567890abcd",
    "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYq1w2e3r4t5'",
    "lin_api_abcdefghij1234567890abcdefghij1234567890",
    '"password": "hunter2"',
    "token: 4f9b7c2d",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_found_and_taken_out_whole(secret: str) -> None:
    assert contains_secret(f"Take {secret} please")
    text = redact(f"Take {secret}\nplease", "…")
    value = re.sub(r"@\S+$|\W+$", "", secret)  # without the host that it is for, and quotes
    assert value[-5:] not in text
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
        "The password policy: at least 12 characters, changed every 90 days.",
        "Password: see the vault. Token: 30 minutes. Secret: 2 people know it.",
        "postgresql://user:password@host:5432/docent",
        "redis://:password@host:6379/0 or https://<user>:<password>@host and http://me:${TOKEN}@host",
        "See https://drive.example/view?usp=sharing&resourcekey=0-QoRk_Wz1WqergoldjgpXRA",
        "OPENAI_API_KEY=sk-… and SLACK_BOT_TOKEN=xoxb-…",
        "commit 3f2a9c81d4e5b6a7f8091a2b3c4d5e6f70819203 and key 10, key: value",
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


def test_every_rule_of_the_file_is_read_for_python() -> None:
    read, _ = rules.load()
    assert len(read) > 210
    assert all(rule.pattern and rule.keywords for rule in read)


def test_a_value_is_judged_by_the_words_before_it_in_an_earlier_piece() -> None:
    value = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYq1w2e3r4t5"
    assert redact(value, "…") == value
    assert redact(f"= {value} is", "…", after="The aws secret key ") == "= … is"
    assert redact("o more", "…", after="ghp_abcdefghijklmnopqrst") == "… more"


@given(
    st.text(max_size=30),
    st.sampled_from([secret for secret in SECRETS if "PRIVATE" not in secret]),
    st.text(max_size=30),
)
def test_masking_changes_nothing_else_and_leaves_nothing(before: str, secret: str, after: str) -> None:
    text = f"{before}\n{secret}\n{after}"
    masked, n = mask(text, "…")
    assert n >= 1
    assert mask(masked, "…") == (masked, 0) or "…" in masked
    assert redact_json({"a": [text, 1, None]}) == {"a": [mask(text)[0], 1, None]}


@given(st.lists(st.sampled_from([*SECRETS, "fine", "the password", "is", "", "a\nb"]), max_size=6))
def test_many_texts_are_masked_as_each_alone(texts: list[str]) -> None:
    assert mask_all(texts)[0] == [redact(text) for text in texts]


def test_a_key_that_is_cut_off_hides_none_of_another_text() -> None:
    texts = [
        "-----BEGIN PRIVATE KEY-----\nabc",
        "fine",
        "x -----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
    ]
    assert mask_all(texts) == (["(secret)", "fine", "x (secret)"], 2)


@pytest.mark.skipif("DOCENT_EVAL_DIR" not in environ, reason="needs DOCENT_EVAL_DIR")
def test_nearly_nothing_of_ordinary_handbooks_is_masked() -> None:
    """Of 409 pages four values: two tokens in addresses for tracking, a key's id, and a sample of a password."""
    folder = Path(environ["DOCENT_EVAL_DIR"])
    pages = [*folder.glob("handbook_18f/pages/**/*.md"), *folder.glob("handbook_dev/pages/**/*.md")]
    assert len(pages) > 300
    assert sum(mask(page.read_text(encoding="utf-8"))[1] for page in pages) <= 4


@pytest.mark.parametrize(
    "text",
    [
        "pwd: Sommer2024!",
        "Das Passwort lautet Sommer2024!",
        "contraseña: Verano2024!",
        "mot de passe : Ete2024!",
        "wachtwoord: Zomer2024!",
        "hasło: Lato2024!",
        "パスワード：Natsu2024!",
        "password：Tr0ub4dor9",
        "DB_PASSWORD=Tr0ub4dor9",
        "password: !Summer2024",
        "The password is **Tr0ub4dor9**",
        "password => 'Tr0ub4dor9'",
        "https://user:Tr0%40ub4dor9@git.example",
        "Bearer: wyla4szJxhvI3yvzPe9hB06wJpymDswp",
        "dckr_pat_" + "aB3" * 9,
        "GOCSPX-" + "aB3" * 9,
        "https://discord.com/api/webhooks/123456789012345678/" + "aB3" * 20,
        "https://acme.webhook.office.com/webhookb2/" + "aB3" * 20,
        "https://x.blob.core.windows.net/c?sv=2020&sig=" + "aB3" * 14,
    ],
)
def test_passwords_in_other_languages_and_keys_that_gitleaks_does_not_know_are_masked(text: str) -> None:
    masked, n = mask(f"See {text} there.")
    assert n == 1
    assert "4dor9" not in masked
    assert "aB3aB3" not in masked


@pytest.mark.parametrize(
    "text",
    [
        "bearer of-the-badge-number-1234567",
        "basic knowledge-of-Python3-programming",
        "pk-learning-path-2024-edition and pk_customer_id_2024_table",
        "token = tokenizer.encode(text1)",
        "password = getpass.getpass(prompt1)",
        'password = "${DB_PASSWORD1}"',
        "https://zoom.us/j/1234567890?pwd=abcDEF123",
        "The password policy: at least 12 characters and 2 digits.",
    ],
)
def test_words_and_code_around_a_password_are_no_secret(text: str) -> None:
    assert mask(text) == (text, 0)
