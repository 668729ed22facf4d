"""What is said when Redis is away, refuses, or is not what answers at ``REDIS_URL``."""

from urllib.parse import urlsplit

from bot.outages.diagnosis import Diagnosis, Sign, match

DEFAULT_PORT = 6379
REACH = "Check host and port in REDIS_URL, that the server runs, and that this machine may reach it."
SIGNS: tuple[Sign, ...] = (  # of the messages of redis-py, and of the server's
    (
        ("wrongpass", "invalid username-password", "without any password configured"),
        "rejects the user or the password",
        "Check the user and the password in REDIS_URL (redis://:password@host:6379/0).",
    ),
    (
        ("noauth", "authentication required"),
        "requires a password",
        "Put it into REDIS_URL: redis://:password@host:6379/0.",
    ),
    (
        ("authenticationerror",),  # redis-py does not always say which
        "rejects the user or the password, or requires one",
        "Check the user and the password in REDIS_URL (redis://:password@host:6379/0).",
    ),
    (("noperm", "no permissions"), "does not let this user run Docent's commands", "Give the user more rights."),
    (
        ("db index", "invalid db"),
        "has no database of this number",
        "Check the number at the end of REDIS_URL: /0.",
    ),
    (("refused",), "is not listening at this address", REACH),
    (
        ("resolve", "name or service", "nodename", "not known"),
        "has a host name that cannot be resolved",
        "Check the host in REDIS_URL, and this machine's DNS.",
    ),
    (
        ("protocol error", "invalidresponse", "unknown command"),
        "does not speak Redis's protocol: another program answers there",
        "Check host and port in REDIS_URL.",
    ),
    (
        ("ssl", "certificate", "tls"),
        "could not agree on encryption (TLS)",
        "Write rediss:// in REDIS_URL where the server wants TLS, and redis:// where it does not.",
    ),
    (("max number of clients",), "has no free connection", "Raise its maxclients, or run fewer processes."),
    (("loading",), "is still loading its data", "Try again in a moment."),
    (("oom", "maxmemory"), "has no memory left", "Give it more memory, or see what else it stores."),
    (
        ("misconf", "readonly"),
        "does not accept writes: its disk is full, or it is a replica",
        "Read its log; point REDIS_URL at the primary server.",
    ),
    (("timeout", "timed out"), "does not answer in time", REACH),
    (("closed", "reset by peer", "broken pipe"), "closed the connection", REACH),
)


def explain(error: Exception, url: str) -> Diagnosis:
    """Says what is wrong with the Redis at ``url``."""
    why, advice = match(f"{error} {type(error).__name__}", SIGNS, otherwise=("does not answer", REACH))
    return Diagnosis(f"Redis at {place(url)} {why}.", advice)


def place(url: str) -> str:
    """Returns ``host:port``, or the path of a socket, without user and password."""
    try:
        parts = urlsplit(url)
        return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or DEFAULT_PORT}"
    except ValueError:
        return "REDIS_URL"
