"""What is said of a folder, a disk, a port, a connection and Slack that fail."""

import errno
import os
import socket
import ssl
import urllib.error
from pathlib import Path

import pytest

from bot.outages import Diagnosis, command, machine, network, slack
from tests.system import free_port

HOME = Path("/srv/docent")


@pytest.mark.parametrize(
    ("number", "path", "said"),
    [
        (errno.ENOSPC, "/srv/docent/index/x", "The disk with /srv/docent/index/x is full. Free some space on it."),
        (errno.ENOSPC, None, "The disk with /srv/docent is full. Free some space on it."),
        (errno.EDQUOT, "/data/x", "The disk with /data/x is full."),
        (errno.EACCES, "/srv/docent/logs", "Set DOCENT_HOME to a folder you can write to."),
        (errno.EROFS, "/etc/x", "/etc/x cannot be used (Read-only file system). Change its owner"),
        (errno.ENOENT, "/mnt/gone/x", "Check that path, and that its disk is mounted."),
        (errno.EMFILE, "/data/x", "Raise the limit: ulimit -n"),
        (errno.ENOMEM, None, "no memory"),
        (errno.ECONNREFUSED, None, "A connection failed: connection refused. 'docent doctor' asks each service"),
        (errno.ENETUNREACH, None, "A connection failed: network is unreachable."),
        (errno.ETIMEDOUT, None, "A connection failed: no answer in time."),
        (errno.EINVAL, None, None),
    ],
)
def test_an_error_of_the_system_says_where_and_what_to_do(number: int, path: str | None, said: str | None) -> None:
    error = OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))
    outage = machine.explain(error, home=HOME)
    assert (said is None and outage is None) or (said or "") in str(outage)
    assert command.explain(error) is None or str(outage)  # the one that every command asks


def test_a_port_that_cannot_be_had_is_named_with_the_setting_for_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as second:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use") as raised:
            second.bind(("127.0.0.1", port))
    outage = machine.explain_port("127.0.0.1", port, raised.value, setting="PORT")
    assert outage == Diagnosis(
        f"Port {port} of 127.0.0.1 is taken: another program, perhaps another Docent, listens there.",
        "Stop it, or choose another port with PORT.",
    )
    denied = OSError(errno.EACCES, "Permission denied")
    assert "for root alone" in machine.explain_port("0.0.0.0", 80, denied, setting="PORT").text
    foreign = OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
    assert "DOCENT_HOST" in machine.explain_port("10.9.8.7", 3000, foreign, setting="PORT").advice


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")), "connection refused"),
        (urllib.error.URLError(socket.gaierror(-2, "Name or service not known")), "its name cannot be resolved"),
        (urllib.error.URLError(ssl.SSLError(1, "CERTIFICATE_VERIFY_FAILED")), "no agreement on encryption (TLS)"),
        (TimeoutError(), "no answer in time"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "network is unreachable"),
    ],
)
def test_a_connection_that_fails_says_how(error: OSError, said: str) -> None:
    assert network.describe(error) == said
    outage = slack.explain(error, where=slack.SLACK, token="SLACK_APP_TOKEN")
    assert str(outage) == (
        f"Slack does not answer at https://slack.com/api/ ({said}). "
        "Check the network, HTTPS_PROXY and https://slack-status.com."
    )
    elsewhere = f"http://127.0.0.1:{free_port()}/api/"
    assert "SLACK_API_URL" in slack.explain(error, where=elsewhere, token="SLACK_APP_TOKEN").advice
