"""Tools that ask in the answer of the call (2026-07-28), and are called again with what was said."""

from __future__ import annotations

from typing import Any, TypeAlias

from mcp import MCPError
from mcp.server.mcpserver import MCPServer
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequests,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

from examples.conformance.mcp.plain import Called

Asks: TypeAlias = str | InputRequiredResult


def form(question: str, field: str, kind: str = "string") -> ElicitRequest:
    """A form with one field."""
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=question, requested_schema=schema))


def sample(prompt: str, tokens: int = 100) -> CreateMessageRequest:
    """A question to the client's model."""
    said = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[said], max_tokens=tokens))


def filled(ctx: Called, key: str, field: str) -> Any:
    """What was filled into a field of a form; None if nothing was."""
    given = (ctx.input_responses or {}).get(key)
    return (given.content or {}).get(field) if isinstance(given, ElicitResult) else None


def asks(requests: InputRequests, state: str | None = None) -> InputRequiredResult:
    """What is asked, and what is to be brought back with the answers."""
    return InputRequiredResult(input_requests=requests, request_state=state)


def add_asking(server: MCPServer[Any]) -> None:
    """Add them."""
    for tool in (
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_tampered_state,
        test_input_required_result_capabilities,
        test_streaming_elicitation,
        test_missing_capability,
    ):
        server.add_tool(tool)


def test_input_required_result_elicitation(ctx: Called) -> Asks:
    """Asks for a name."""
    name = filled(ctx, "user_name", "name")
    return asks({"user_name": form("What is your name?", "name")}) if name is None else f"Hello, {name}!"


def test_input_required_result_sampling(ctx: Called) -> Asks:
    """Asks the client's model."""
    given = (ctx.input_responses or {}).get("capital_question")
    if isinstance(given, CreateMessageResult) and isinstance(given.content, TextContent):
        return given.content.text
    return asks({"capital_question": sample("What is the capital of France?")})


def test_input_required_result_list_roots(ctx: Called) -> Asks:
    """Asks for the client's roots."""
    given = (ctx.input_responses or {}).get("client_roots")
    if isinstance(given, ListRootsResult):
        return ", ".join(str(root.uri) for root in given.roots) or "no roots"
    return asks({"client_roots": ListRootsRequest()})


def test_input_required_result_request_state(ctx: Called) -> Asks:
    """Has its own state brought back."""
    if ctx.request_state == "asked" and filled(ctx, "confirm", "ok") is not None:
        return "state-ok"
    return asks({"confirm": form("Please confirm", "ok", "boolean")}, "asked")


def test_input_required_result_multiple_inputs(ctx: Called) -> Asks:
    """Asks three things at once."""
    wanted: InputRequests = {
        "user_name": form("What is your name?", "name"),
        "greeting": sample("Generate a greeting", 50),
        "client_roots": ListRootsRequest(),
    }
    given = ctx.input_responses or {}
    return "all there" if set(wanted) <= set(given) else asks(wanted, "asked")


def test_input_required_result_multi_round(ctx: Called) -> Asks:
    """Asks one thing, and then another."""
    if ctx.request_state is None:
        return asks({"step1": form("Step 1: What is your name?", "name")}, "1")
    if ctx.request_state == "1":
        name = filled(ctx, "step1", "name")
        return asks({"step2": form("Step 2: What is your favorite color?", "color")}, f"2:{name}")
    return f"{ctx.request_state.partition(':')[2]} likes {filled(ctx, 'step2', 'color')}"


def test_input_required_result_tampered_state(ctx: Called) -> Asks:
    """Has a state that the server has sealed."""
    return "done" if ctx.request_state == "sealed" else asks({"confirm": form("Sure?", "ok")}, "sealed")


def test_input_required_result_capabilities(ctx: Called) -> Asks:
    """Asks only what the client can answer."""
    able = ctx.client_capabilities
    wanted: dict[str, InputRequest] = {}
    if able is not None and able.elicitation is not None:
        wanted["user_name"] = form("What is your name?", "name")
    if able is not None and able.sampling is not None:
        wanted["greeting"] = sample("Generate a greeting")
    return asks(wanted) if wanted and not ctx.input_responses else "nothing to ask"


def test_streaming_elicitation(ctx: Called) -> Asks:
    """Asks, and sends nothing else."""
    return test_input_required_result_elicitation(ctx)


def test_missing_capability(ctx: Called) -> str:
    """Needs a client with a model."""
    if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
        needs: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "this needs a client that can sample", needs)
    return "done"
