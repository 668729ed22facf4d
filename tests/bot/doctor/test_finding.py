"""What a finding shows of a secret."""

from bot.doctor.finding import mask


def test_secrets_are_masked() -> None:
    assert mask("xoxb-123-456-abcdefghijklabcd") == "xoxb-…abcd"
    assert mask("xoxb-short") == "xoxb-…"
    assert mask("0123456789abcdef0123456789abcdef") == "…"
