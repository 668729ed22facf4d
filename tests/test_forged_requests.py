"""Whatever comes to the door: what Slack did not send is refused and leaves no trace; what it sent is taken."""

import gzip
import hmac
import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from hashlib import sha256

import pytest

from bot.processes.http_server import MAX_BODY_BYTES
from bot.simulator import ADA, HELP
from tests.system import QUESTION, System

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KINDS = ("forged", "replayed", "truncated", "oversized", "slow", "encoded", "shapeless", "broken")
CUT = ("truncated", "broken")  # the sender leaves
N_TRUE = 10


def true_body(chance: random.Random) -> bytes:
    """A question, as Slack would send it."""
    ts = f"{chance.randrange(10**9, 2 * 10**9)}.{chance.randrange(10**6):06}"
    event = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": ts, "text": f"<@U9> {QUESTION}"}
    return json.dumps({"type": "event_callback", "team_id": "T1", "event_id": f"Ev{ts}", "event": event}).encode()


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Signs bytes as Slack does, also those that are no text."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, sha256).hexdigest()


def make_request(kind: str, chance: random.Random, secret: str) -> bytes:
    """Makes the bytes of a request; signed by Slack where that is not what is wrong with it."""
    body, content_type, age, key = true_body(chance), JSON, 0, secret
    if kind == "forged":
        key = chance.choice(["", "another secret", secret[:-1]]) or "x"
    elif kind == "replayed":
        age = chance.choice([301, 600, 10**6, -900, -(10**6)])
    elif kind == "oversized":
        body = b"x" * (MAX_BODY_BYTES + chance.randrange(1, 100_000))
    elif kind == "encoded":
        body = chance.choice([body.decode().encode("utf-16"), b"\xff" + body, gzip.compress(body), b"\x00" * 40])
    elif kind == "shapeless":
        body, content_type = chance.choice(
            [
                (b"[1,2]", JSON),
                (b"1", JSON),
                (b'{"a":' * 50_000, JSON),
                (b"payload=%7B", FORM),
                (b"payload=[]", FORM),
                (b"a=1&" * 5_000, FORM),
                (b"", JSON),
            ]
        )
    stamp = str(int(time.time()) - age)
    signature: str | None = sign(key, stamp, body)
    if kind == "forged":
        signature = chance.choice([signature, "", "v0=", "v0=\u00e9", "v1=" + "0" * 64, None])
    n = len(body) + (chance.randrange(1, 1_000) if kind == "truncated" else 0)
    headers = [f"Content-Length: {n}", f"Content-Type: {content_type}", f"X-Slack-Request-Timestamp: {stamp}"]
    if kind == "broken":
        headers[chance.randrange(3)] = chance.choice(
            [
                "Content-Length: -1",
                "Transfer-Encoding: chunked",
                "X-Slack-Request-Timestamp: \u0661",
                "no header",
                "X: " * 20_000,
            ]
        )
        signature = "v0=0"
    if signature is not None:
        headers.append(f"X-Slack-Signature: {signature}")
    head = "\r\n".join(["POST /slack/events HTTP/1.1", "Host: docent.example", "Connection: close", *headers])
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + body


def send(port: int, request: bytes, *, is_cut: bool) -> int:
    """Sends a request and returns the status of the answer, 0 where the connection just ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(OSError):  # refused before it was read to its end
            connection.sendall(request)
        if is_cut:
            connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            return int((connection.recv(100).split() or [b"", b"0"])[1])
    return 0


def drip(stack: ExitStack, port: int, request: bytes) -> None:
    """Begins a request that is never completed, and keeps its connection open."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
    connection.sendall(request[: len(request) // 2])


def attack(world: System, n: int, seed: int) -> Iterator[tuple[str, int]]:
    """Sends ``n`` requests of all kinds, many at once; yields the status of each that was answered."""
    chance, port = random.Random(seed), int(world.env["PORT"])
    kinds = [KINDS[i % len(KINDS)] for i in range(n)]
    requests = [make_request(kind, chance, world.workspace.app.signing_secret) for kind in kinds]
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        for kind, request in zip(kinds, requests, strict=True):
            if kind == "slow":
                drip(stack, port, request)
        whole = [(kind, request) for kind, request in zip(kinds, requests, strict=True) if kind != "slow"]
        sent = [
            pool.submit(send, port, request, is_cut=kind in ("truncated", "broken")) for kind, request in whole
        ]
        for i in range(N_TRUE):
            world.workspace.person(ADA).mention(HELP, f"{QUESTION} {i}")
        yield from ((kind, status.result()) for (kind, _), status in zip(whole, sent, strict=True))


def check(world: System, n: int, seed: int) -> float:
    """Returns the slowest acknowledgement of a true event, in seconds."""
    world.start("web")
    for kind, status in attack(world, n, seed):
        assert status == 0 or 400 <= status < 500, kind
    world.wait_for(lambda: len([d for d in world.workspace.deliveries if d.is_acked]) == 2 * N_TRUE)
    assert {turn.channel for turn in world.turns()} == {HELP}
    assert len(world.turns()) == N_TRUE
    (log,) = world.folder.glob("web-*.log")
    assert "error_id" not in log.read_text()  # what is reported to Sentry has one
    return max(delivery.seconds for delivery in world.workspace.deliveries)


def test_forged_requests_are_refused_and_true_ones_taken_meanwhile(world: System) -> None:
    check(world, 8 * len(KINDS), seed=1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_forged_requests_delay_no_acknowledgement(world: System, seed: int) -> None:
    assert check(world, 1_000, seed) < 1
