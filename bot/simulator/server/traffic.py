"""The traffic between the app and the workspace, as rows to look through.

Owns the short form of each call and delivery, and the whole of a single one. Promises that `n` names the same call
or delivery for as long as the process lives.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from bot.simulator.delivery.outbox import Delivery
from bot.simulator.errors import WorkspaceError
from bot.simulator.stores.api_call import ApiCall
from bot.simulator.workspace import Workspace

T = TypeVar("T")


def list_rows(workspace: Workspace, *, since_calls: int, since_deliveries: int, limit: int) -> dict[str, object]:
    """Returns the newest `limit` of each that came after those already known."""
    with workspace.lock:
        calls, deliveries = workspace.calls, workspace.outbox.records
        from_call = max(since_calls, len(calls) - limit)
        from_delivery = max(since_deliveries, len(deliveries) - limit)
        return {
            "calls": [_call(n, call) for n, call in enumerate(calls[from_call:], from_call)],
            "deliveries": [_delivery(n, d) for n, d in enumerate(deliveries[from_delivery:], from_delivery)],
            "n_calls": len(calls),
            "n_deliveries": len(deliveries),
        }


def show_call(workspace: Workspace, n: int) -> dict[str, object]:
    """Returns the arguments and the response of one call."""
    with workspace.lock:
        call = _nth(workspace.calls, n, "call")
    args = {name: value for name, value in call.args.items() if name != "token"}
    return {"arguments": args, "response": call.response}


def show_delivery(workspace: Workspace, n: int) -> dict[str, object]:
    """Returns the payload of one delivery and the app's answer."""
    with workspace.lock:
        delivery = _nth(workspace.outbox.records, n, "delivery")
    return {"payload": delivery.payload, "answer": delivery.body}


def _call(n: int, call: ApiCall) -> dict[str, object]:
    return {
        "n": n,
        "method": call.method,
        "is_ok": bool(call.response and call.response.get("ok")) and not call.fault,
        "error": call.error,
        "status": call.status,
        "fault": call.fault,
        "seconds": call.seconds,
        "at": call.at - call.seconds,
        "channel": str(call.args.get("channel") or call.args.get("channel_id") or ""),
    }


def _delivery(n: int, delivery: Delivery) -> dict[str, object]:
    return {
        "n": n,
        "kind": delivery.kind,
        "event_type": delivery.event_type,
        "subtype": _event(delivery).get("subtype", ""),
        "channel": _channel(delivery),
        "attempt": delivery.attempt,
        "status": delivery.status,
        "seconds": delivery.seconds,
        "reason": delivery.reason,
        "at": delivery.at,
    }


def _event(delivery: Delivery) -> Mapping[str, object]:
    payload: Mapping[str, object] = delivery.payload or {}
    event = payload.get("event")
    return event if isinstance(event, dict) else {}


def _channel(delivery: Delivery) -> str:
    payload: Mapping[str, object] = delivery.payload or {}
    channel = _event(delivery).get("channel") or payload.get("channel_id") or payload.get("channel") or ""
    return str(channel["id"] if isinstance(channel, dict) else channel)


def _nth(rows: Sequence[T], n: int, what: str) -> T:
    if not 0 <= n < len(rows):
        raise WorkspaceError(f"no {what} {n}; there are {len(rows)}")
    return rows[n]
