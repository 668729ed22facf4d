"""The traffic between the app and the workspace, as rows to look through.

Owns the short form of each call and delivery; one at a time comes whole. Promises that `n` names the same call
or delivery for as long as the process lives.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bot.simulator.delivery.outbox import Delivery
from bot.simulator.errors import WorkspaceError
from bot.simulator.stores.call_log import Call
from bot.simulator.stores.messages import Json

if TYPE_CHECKING:
    from bot.simulator.workspace import Workspace


def rows(workspace: "Workspace", *, since_calls: int, since_deliveries: int, limit: int) -> Json:
    """The newest `limit` of each that came after those already known."""
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


def call(workspace: "Workspace", n: int) -> Json:
    with workspace.lock:
        found: Call = _nth(workspace.calls, n, "call")
    args = {name: value for name, value in found.args.items() if name != "token"}
    return {"arguments": args, "response": found.response}


def delivery(workspace: "Workspace", n: int) -> Json:
    with workspace.lock:
        found: Delivery = _nth(workspace.outbox.records, n, "delivery")
    return {"payload": found.payload, "answer": found.body}


def _call(n: int, call: Call) -> Json:
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


def _delivery(n: int, delivery: Delivery) -> Json:
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


def _event(delivery: Delivery) -> Json:
    event = (delivery.payload or {}).get("event")
    return event if isinstance(event, dict) else {}


def _channel(delivery: Delivery) -> str:
    payload = delivery.payload or {}
    channel = _event(delivery).get("channel") or payload.get("channel_id") or payload.get("channel") or ""
    return str(channel["id"] if isinstance(channel, dict) else channel)


def _nth(found: Sequence[Any], n: int, what: str) -> Any:
    if not 0 <= n < len(found):
        raise WorkspaceError(f"no {what} {n}; there are {len(found)}")
    return found[n]
