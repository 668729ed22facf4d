"""What a secret looks like: keys and tokens by their shape, passwords by the words before them.

Used where text leaves for people: quotes from documents, and every answer. It recognises the usual formats
only; a password that stands alone is not told from a word.
"""

import re

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}"  # Slack
    r"|\b(?:sk|pk|rk)[-_](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}"  # OpenAI, Anthropic, Stripe
    r"|\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{12,}|\bAIza[0-9A-Za-z_-]{30,}"  # AWS, Google
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)?"  # JSON Web Tokens
    # "password: hunter2". Bounded: a model can be made to write "token:token:…", which would take quadratic time.
    r"|(?i:(?P<label>\b(?:password|passwort|secret|token|api[ _-]?key)\s*(?:is|[:=])[:\s]*)"
    r"[a-z][^\s\d]{0,100}\d\S*)",
    re.DOTALL,
)
# Keys in the wrong case, or without the digit that tells one from a hyphenated word.
_LIKELY_KEY = re.compile(
    r"\b(?:AKIA[0-9A-Z]{12,}|gh[opsu]_\w{20,}|xox[abeprs]-[\w-]{10,}|sk-[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.IGNORECASE,
)
# The beginning of the last kind at a text's end: what follows decides.
_OPEN = re.compile(r"(?i:\b(?:password|passwort|secret|token|api(?:[ _-]?key)?)\s*(?:(?:is|[:=])[:\s]*)?\Z)")


def redact(text: str, replacement: str) -> str:
    """Replaces whatever looks like a secret; the words before a password stay."""
    return SECRET.sub(lambda match: (match["label"] or "") + replacement, text)


def contains_secret(text: str) -> bool:
    """Returns whether something in the text may be a secret: rather too often, for text that need not be shown."""
    return SECRET.search(text) is not None or _LIKELY_KEY.search(text) is not None


def find_open_secret(text: str) -> int | None:
    """Finds where something begins that more text may make a secret, for a text that is still being written.

    >>> find_open_secret("The password is")
    4
    """
    key = text.rfind("-----BEGIN")
    if key >= 0 and "-----END" not in text[key:]:
        return key
    match = _OPEN.search(text)
    return match.start() if match else None
