"""Says what keeps an index from being read or written, by what the stores say, and what to do."""

from agent.text import shorten

MESSAGE_CHARS = 200
NO_BUCKET = "There is no bucket for the index at {address}. Check DOCENT_INDEX_URI and AWS_REGION."
OUTAGES = (  # parts of messages in lower case, and what they mean
    (("no space left", "disk quota"), "The disk with the index at {address} is full. Free some space on it."),
    (
        ("read-only file system", "permission denied", "permissiondenied"),
        "The index at {address} cannot be read or written (permission denied). Change the folder's owner or its "
        "permissions, or set DOCENT_INDEX_URI to another.",
    ),
    (
        ("not a directory", "notadirectory", "file exists"),
        "The index at {address} is no folder. Set DOCENT_INDEX_URI to a folder, or to s3://bucket/path.",
    ),
    (
        ("accessdenied", "invalidaccesskeyid", "signaturedoesnotmatch", "credential", "forbidden", "unauthorized"),
        "The bucket of the index at {address} refuses this machine. Check its credentials (AWS_ACCESS_KEY_ID, "
        "AWS_SECRET_ACCESS_KEY, or the machine's role) and what they allow.",
    ),
    (("nosuchbucket",), NO_BUCKET),
    (
        ("commit conflict", "concurrent writers", "incompatible transaction"),
        "Another process wrote the index at {address} at the same time. Nothing was lost: run it again.",
    ),
    (
        ("slowdown", "slow down", "503 service unavailable", "429 too many requests", "serverbusy"),
        "The bucket of the index at {address} refuses for now: it has too many requests. Try again in a moment; "
        "if that goes on, see what else reads and writes it.",
    ),
    (
        (
            'store: "s3"',
            'store: "gcs"',
            'store: "microsoftazure"',
            "generic s3 error",
            "generic gcs error",
            "generic microsoftazure error",
            "error sending request",
            "dns error",
            "timed out",
            "connection refused",
        ),
        "The bucket of the index at {address} cannot be reached. Check DOCENT_INDEX_URI, AWS_REGION, AWS_ENDPOINT "
        "and the network.",
    ),
)
SERVICE_OUTAGES = (  # the same of a LanceDB service
    (
        ("unauthorized", "forbidden", "api key"),
        "The LanceDB service of the index at {address} refuses this machine. Check DOCENT_INDEX_KEY.",
    ),
    (
        (
            "error sending request",
            "dns error",
            "timed out",
            "timeout",
            "connection refused",
            "retry limit",
            "bad gateway",
            "unavailable",
            "internal server error",
        ),
        "The LanceDB service of the index at {address} cannot be reached. Check DOCENT_INDEX_HOST, "
        "DOCENT_INDEX_REGION and the network.",
    ),
)
AWAY = "The bucket of the index at {} gave an answer that is not understood. Run 'docent doctor'."


def explain(address: str, error: Exception) -> str | None:
    """Says what keeps an index from being read or written, and what to do; None where that is not known."""
    text = str(error).lower()
    outages = SERVICE_OUTAGES if address.startswith("db://") else OUTAGES
    found = (meaning for signs, meaning in outages if any(sign in text for sign in signs))
    meaning = next(found, None)
    return meaning.format(address=address) if meaning else None


def shorten_first_line(error: Exception) -> str:
    """Returns the first line of an error's message, shortened."""
    line = (str(error).splitlines() or [type(error).__name__])[0]
    return shorten(line, MESSAGE_CHARS)
