"""Tools that ask nobody: text, pictures, sounds, progress, errors, and changes of what there is."""

from __future__ import annotations

import asyncio
import base64
import struct
import zlib
from typing import Annotated, Any, TypeAlias

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from pydantic import Field

Called: TypeAlias = Context[Any, Any]
STEP = 0.05
"""Seconds between two signs of life."""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png() -> bytes:
    """A red dot."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + _chunk(b"IEND", b"")
    )


def wav() -> bytes:
    """No sound at all."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 8_000, 1, 8)
    return b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + form + b"data" + struct.pack("<I", 0)


def picture() -> ImageContent:
    """The dot as content."""
    return ImageContent(type="image", data=base64.b64encode(png()).decode(), mime_type="image/png")


def embedded(uri: str, text: str, kind: str) -> EmbeddedResource:
    """A text resource as content."""
    return EmbeddedResource(
        type="resource", resource=TextResourceContents(uri=uri, text=text, mime_type=kind)
    )


def add_plain(server: MCPServer[Any]) -> None:
    """Add them."""
    for tool in (
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_tool_with_progress,
        test_error_handling,
        test_logging_tool,
        test_trigger_tool_change,
        test_trigger_prompt_change,
        test_custom_headers,
        greet,
    ):
        server.add_tool(tool)


def described() -> Tool:
    """A tool with a schema that no signature says."""
    tool = Tool.from_function(json_schema_2020_12_tool)
    return tool.model_copy(update={"parameters": SCHEMA})


def test_simple_text() -> str:
    """Text."""
    return "This is a simple text response for testing."


def test_image_content() -> ImageContent:
    """A picture."""
    return picture()


def test_audio_content() -> AudioContent:
    """A sound."""
    return AudioContent(type="audio", data=base64.b64encode(wav()).decode(), mime_type="audio/wav")


def test_embedded_resource() -> EmbeddedResource:
    """A resource within the answer."""
    return embedded("test://embedded-resource", "This is an embedded resource content.", "text/plain")


def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """Several kinds at once."""
    text = TextContent(type="text", text="Multiple content types test:")
    data = embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return [text, picture(), data]


async def test_tool_with_progress(ctx: Called) -> str:
    """Tells how far it is."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        await asyncio.sleep(STEP)
    return "done"


def test_error_handling() -> str:
    """Fails."""
    raise ToolError("This tool intentionally returns an error for testing")


def test_logging_tool() -> str:
    """Has a log that nobody asked for, and so says nothing of it."""
    return "done"


async def test_trigger_tool_change(ctx: Called) -> str:
    """Says that the tools have changed."""
    await ctx.notify_tools_changed()
    return "changed"


async def test_trigger_prompt_change(ctx: Called) -> str:
    """Says that the prompts have changed."""
    await ctx.notify_prompts_changed()
    return "changed"


def test_custom_headers(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Has a parameter that the client says in a header, too."""
    return region


def greet(name: str) -> str:
    """Greets at once, whether the client takes tasks or not."""
    return f"Hello, {name}!"


def json_schema_2020_12_tool(name: str = "") -> str:
    """Tool with JSON Schema 2020-12 features."""
    return name


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
