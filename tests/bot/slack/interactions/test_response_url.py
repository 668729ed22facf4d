"""What Slack says to a post to a response URL, in the forms in which it comes."""

import pytest
from slack_sdk.webhook import WebhookResponse

from bot.slack.interactions.response_url import IS_OVER, _read_code


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, "ok", ""),
        (200, '{"ok": true}', ""),
        (200, '{"ok": false, "error": "expired_url"}', IS_OVER),
        (200, '{"ok": tr', ""),
        (400, "invalid_blocks", "invalid_blocks"),
        (400, "{{ proxy }}", "{{ proxy }}"),
        (404, "gone", IS_OVER),
        (403, "", "403"),
    ],
)
def test_the_code_of_a_refusal_is_found_in_every_form(status: int, body: str, code: str) -> None:
    assert _read_code(WebhookResponse(url="", status_code=status, body=body, headers={})) == code
