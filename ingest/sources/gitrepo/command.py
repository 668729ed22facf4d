"""Runs the git command line as a child process, and explains its errors.

Promises that git never prompts, that it is killed with its own children when its time is over, and that secrets
reach it through its environment only, so that no list of processes shows them. No shell is involved.
"""

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from agent.errors import UserError

_ALLOWED = "https:http:ssh:git:file"  # not ext::, which runs a command
_SETTINGS = (("gc.autoDetach", "false"), ("core.hooksPath", "/dev/null"))
_TOKEN = "DOCENT_GIT_TOKEN"
# Run by git's shell when a host asks for credentials; the large hosts accept any user name with a token.
_HELPER = f"""!f() {{ test "$1" = get && printf 'username=x-access-token\\npassword=%s\\n' "${_TOKEN}"; }}; f"""
# What git sets for its hooks: inherited, it would point every command at another repository.
_OF_HOOKS = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}
_CAUSES = (
    (r"No space left", "the disk is full", "Free some space below DOCENT_HOME"),
    (r"dubious ownership", "it belongs to another user", "Run 'git config --global --add safe.directory' with it"),
    (r"Host key verification", "its ssh key is not known here", "Run 'ssh' to that host once, as Docent's user"),
    (r"certificate", "its certificate is not trusted here", "Point git's http.sslCAInfo to your authority's"),
    (
        r"Authentication failed|could not read (?:User|Pass)|prompts disabled|[Pp]ermission denied|error: 40[13]",
        "access is denied",
        "For https, name a variable that holds a valid token by token_env; for ssh, give Docent's user a key",
    ),
    (
        r"resolve host|connect to|Connection|timed out|unreachable|hung up|No route",
        "it cannot be reached",
        "Check the address and the network, then try again",
    ),
)
_NO_REPOSITORY = r"not found|does not exist|not appear to be a git|not a git repository|error: 404"


@dataclass(frozen=True)
class Credentials:
    """A token for one host; git offers it to no other, even when redirected. (A header would be sent along.)"""

    host: str  # with scheme and port
    token: str = field(repr=False)

    @classmethod
    def of(cls, location: str, token: str) -> Self | None:
        """Makes credentials for the host of a repository's address; None without a token."""
        parts = urlsplit(location)
        return cls(f"{parts.scheme}://{parts.netloc}", token.strip()) if token else None


class GitError(Exception):
    """Git ended with an error; the message is what it printed."""

    @property
    def cause(self) -> tuple[str, str] | None:
        """Returns a known cause that is outside of the mirror, and what to do about it."""
        return next(((cause, advice) for words, cause, advice in _CAUSES if re.search(words, str(self))), None)

    @property
    def last_line(self) -> str:
        """Returns the last line, without what looks like a name and password in an address."""
        line = (str(self).strip().splitlines() or ["nothing"])[-1]
        return re.sub(r"//[^/@\s]+@", "//", line)[:200]


def run(
    *arguments: str,
    timeout_seconds: float,
    credentials: Credentials | None = None,
    pass_fds: Sequence[int] = (),
) -> bytes:
    """Runs ``git`` and returns what it printed; it inherits the file descriptors ``pass_fds``.

    Raises :class:`GitError`, :class:`TimeoutError`, and :class:`UserError` when git is not installed.
    """
    try:
        process = subprocess.Popen(
            ["git", *arguments],
            cwd=os.sep,  # a repository around the current folder has no say
            env=_environment(credentials),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
            start_new_session=True,  # without a terminal ssh cannot ask for a password
        )
    except FileNotFoundError:
        raise UserError("git is not installed. Install it (apt install git), then sync again.") from None
    printed, errors = _communicate(process, timeout_seconds)
    if process.returncode:
        raise GitError(_without(arguments, errors.decode(errors="replace")))
    return printed


def explain(error: GitError, location: str) -> UserError:
    """Returns the error to show: what went wrong with the repository at a location, and what to do."""
    if error.cause:
        cause, advice = error.cause
        return UserError(f"Cannot read {location}: {cause}. {advice}.")
    if re.search(_NO_REPOSITORY, str(error)):
        return UserError(
            f"There is no repository {location}, or it is private. Check the address; for a private one, name a "
            "variable that holds a token by token_env."
        )
    return UserError(f"Cannot read {location} (git: {error.last_line}). Try 'git ls-remote' with it.")


def _environment(credentials: Credentials | None) -> dict[str, str]:
    variables = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    settings = [*_SETTINGS]
    if credentials:
        variables[_TOKEN] = credentials.token
        helper = f"credential.{credentials.host}.helper"
        settings += [(helper, ""), (helper, _HELPER)]  # empty: instead of the operator's own
    first = int(variables.get("GIT_CONFIG_COUNT") or 0)
    for number, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables | {
        "GIT_ALLOW_PROTOCOL": _ALLOWED,
        "GIT_CONFIG_COUNT": str(first + len(settings)),
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",  # its messages are matched
        "SSH_ASKPASS_REQUIRE": "never",
    }


def _without(arguments: Sequence[str], message: str) -> str:
    """Hides addresses in a message: one may contain any words, such as those of a known cause."""
    for argument in arguments:
        if "/" in argument:
            message = message.replace(argument, "…")
    return message


def _communicate(process: "subprocess.Popen[bytes]", timeout_seconds: float) -> tuple[bytes, bytes]:
    with process:
        try:
            return process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
