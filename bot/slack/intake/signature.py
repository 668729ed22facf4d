"""Refuses what Slack did not send before any of it is parsed: by the signature over its bytes, and its shape."""

import json
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from slack_sdk.signature import SignatureVerifier

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

FORGED, MALFORMED = "401 Unauthorized", "400 Bad Request"
FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 100  # of a form; a command has a dozen


def find_refusal(environ: "WSGIEnvironment", verifier: SignatureVerifier) -> str | None:
    """Returns the HTTP status to refuse a request with; None for one that Slack signed within five minutes.

    Reads the body, and leaves it to be read again.
    """
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    timestamp, signature = environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP"), environ.get("HTTP_X_SLACK_SIGNATURE")
    try:
        is_signed = verifier.is_valid(body, timestamp, signature)
    except (ValueError, TypeError):  # a timestamp that is no number, a signature or body in no known encoding
        return FORGED
    if not is_signed:
        return FORGED
    return None if _is_readable(body, str(environ.get("CONTENT_TYPE", ""))) else MALFORMED


def _is_readable(body: bytes, content_type: str) -> bool:
    """Returns whether the body is a form, or an object of JSON, itself or as a form's ``payload``."""
    try:
        text = body.decode()
        if content_type.startswith(FORM):
            payloads = parse_qs(text, max_num_fields=MAX_FIELDS).get("payload", ())
            return all(isinstance(json.loads(payload), dict) for payload in payloads)
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
