"""An older MCP server that asks about one call in the breath that ends another: run it as a program."""

from __future__ import annotations

import json
import sys
from typing import Any

CALLS = 2
SCHEMA = {"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]}


def say(*messages: dict[str, Any]) -> None:
    """Write several messages at once, so that they are read at once."""
    sys.stdout.write("".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages))
    sys.stdout.flush()


def question(call: dict[str, Any]) -> dict[str, Any]:
    thing = call["params"]["arguments"]["thing"]
    params = {"mode": "form", "message": f"What colour for the {thing}?", "requestedSchema": SCHEMA}
    return {"id": f"about {call['id']}", "method": "elicitation/create", "params": params}


def reply(message: dict[str, Any]) -> dict[str, Any]:
    match message["method"]:
        case "initialize":
            known = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
            return known | {"serverInfo": {"name": "older", "version": "1"}}
        case "tools/list":
            schema = {"type": "object", "properties": {"thing": {"type": "string"}}}
            return {"tools": [{"name": "paint", "inputSchema": schema}]}
        case _:
            return {}


def main() -> None:
    calls: dict[str, dict[str, Any]] = {}
    asked = 0
    for line in sys.stdin:
        message = json.loads(line)
        told: list[dict[str, Any]] = []
        if message.get("method") == "tools/call":
            calls[f"about {message['id']}"] = message
        elif message.get("method") == "server/discover":
            say({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
        elif message.get("id") in calls:
            call = calls[message["id"]]
            text = f"{call['params']['arguments']['thing']}: {message['result']['content']['colour']}"
            told = [{"id": call["id"], "result": {"content": [{"type": "text", "text": text}]}}]
            asked += 1
        elif "id" in message:
            say({"id": message["id"], "result": reply(message)})
        if len(calls) == CALLS and (told or not asked):
            say(*[question(call) for call in list(calls.values())[asked : asked + 1]], *told)


if __name__ == "__main__":
    main()
