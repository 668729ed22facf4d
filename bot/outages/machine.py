"""What is said when this machine lacks something: a folder that can be written, space, a free port, open files."""

import errno
import socket
import ssl
import urllib.error
from pathlib import Path

from bot.outages import network
from bot.outages.diagnosis import Diagnosis

WRITABLE_HOME = "Set DOCENT_HOME to a folder you can write to."
FULL = {errno.ENOSPC, errno.EDQUOT}
DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
TAKEN = {errno.EADDRINUSE, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}
CONNECTION_ERRORS = (ConnectionError, TimeoutError, socket.gaierror, ssl.SSLError)
UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
LOW_PORTS = 1024  # that only root may listen on


def explain(error: OSError, *, home: Path) -> Diagnosis | None:
    """Says what is wrong with a file, the disk or the process; None where the error says nothing of these."""
    path = str(error.filename) if error.filename else ""
    if error.errno in FULL:
        return Diagnosis(f"The disk with {path or home} is full.", "Free some space on it.")
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return Diagnosis("Too many files are open at once.", "Raise the limit: ulimit -n 4096.")
    if error.errno in {errno.EAGAIN, errno.ENOMEM}:
        return Diagnosis(
            "This machine has no memory or no process left.", "Stop something else, or use a larger one."
        )
    if not path:
        return _explain_connection(error)
    if error.errno in DENIED:
        advice = WRITABLE_HOME if Path(path).is_relative_to(home) else "Change its owner or its permissions."
        return Diagnosis(f"{path} cannot be used ({error.strerror}).", advice)
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENOEXEC, errno.EIO, errno.ENAMETOOLONG}:
        return Diagnosis(
            f"{path} cannot be used ({error.strerror}).", "Check that path, and that its disk is mounted."
        )
    return None


def _explain_connection(error: OSError) -> Diagnosis | None:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if not isinstance(reason, CONNECTION_ERRORS) and error.errno not in UNREACHABLE:
        return None
    return Diagnosis(
        f"A connection failed: {network.describe(error)}.",
        "'docent doctor' asks each service on its own, and says which one is away and what to do.",
    )


def explain_folder(folder: Path, error: OSError) -> Diagnosis:
    """Says why a folder cannot be written to."""
    if error.errno in FULL:
        return Diagnosis(
            f"The disk with {folder} is full.", "Free some space on it, or set DOCENT_HOME to another."
        )
    return Diagnosis(f"Cannot write to {folder} ({error.strerror}).", WRITABLE_HOME)


def explain_port(host: str, port: int, error: OSError, *, setting: str) -> Diagnosis:
    """Says why nothing can listen at a port; ``setting`` is what chooses another, such as ``PORT``."""
    if error.errno == errno.EADDRINUSE:
        return Diagnosis(
            f"Port {port} of {host} is taken: another program, perhaps another Docent, listens there.",
            f"Stop it, or choose another port with {setting}.",
        )
    if error.errno in {errno.EACCES, errno.EPERM} and port < LOW_PORTS:
        return Diagnosis(f"Port {port} is for root alone.", f"Choose one from {LOW_PORTS} on with {setting}.")
    return Diagnosis(
        f"Docent cannot listen at {host}, port {port} ({error.strerror or error}).",
        f"Check DOCENT_HOST, which must be an address of this machine, and {setting}.",
    )
