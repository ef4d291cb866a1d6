"""Resources, prompts and completions."""

from __future__ import annotations

import json
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    ElicitRequest,
    ElicitRequestFormParams,
    InputRequiredResult,
    PromptReference,
    ResourceTemplateReference,
)

from examples.conformance.mcp.plain import Called, embedded, picture, png


def add_shown(server: MCPServer[Any]) -> None:
    """Add them."""
    server.resource("test://static-text", mime_type="text/plain")(static_text)
    server.resource("test://static-binary", mime_type="image/png")(static_binary)
    server.resource("test://template/{id}/data", mime_type="application/json")(template)
    server.resource("test://watched-resource", mime_type="text/plain")(watched)
    for prompt in (
        test_simple_prompt,
        test_prompt_with_arguments,
        test_prompt_with_embedded_resource,
        test_prompt_with_image,
        test_input_required_result_prompt,
    ):
        server.prompt()(prompt)
    completion: Any = server.completion
    completion()(completed)


def static_text() -> str:
    """Text."""
    return "This is the content of the static text resource."


def static_binary() -> bytes:
    """A picture."""
    return png()


def template(id: str) -> str:
    """One of many."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def watched() -> str:
    """One to subscribe to."""
    return "Watched resource content"


def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
    """A prompt with a resource in it."""
    resource = embedded(resourceUri, "Embedded resource content for testing.", "text/plain")
    return [UserMessage(resource), UserMessage("Please process the embedded resource above.")]


def test_prompt_with_image() -> list[UserMessage]:
    """A prompt with a picture in it."""
    return [UserMessage(picture()), UserMessage("Please analyze the image above.")]


def test_input_required_result_prompt(ctx: Called) -> str | InputRequiredResult:
    """A prompt that asks first."""
    given = (ctx.input_responses or {}).get("user_context")
    if given is not None:
        return f"In the context of {getattr(given, 'content', None)}"
    schema = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}
    form = ElicitRequestFormParams(message="What context should the prompt use?", requested_schema=schema)
    return InputRequiredResult(input_requests={"user_context": ElicitRequest(params=form)})


async def completed(
    _: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion:
    """What may follow what was typed."""
    words = [word for word in ("paris", "park", "party") if word.startswith(argument.value)]
    return Completion(values=words, total=len(words), has_more=False)
