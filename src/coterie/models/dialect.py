"""Requests in the words of pydantic-ai's model layer.

This module, `replies` and `faults` are the only ones that know that library; they are imported when the
first hosted model is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from inspect import signature
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from coterie.errors import BadInput
from coterie.models.turns import Answer, Heard, Said, Turn, turns
from coterie.words.brief import Brief, ToolSpec
from coterie.words.effect import Think
from coterie.words.message import File

Mode: TypeAlias = Literal["native", "tool", "prompted"]
"""How a typed answer is asked for: by the provider's own schemas, as a tool call, or in words."""
Schema: TypeAlias = dict[str, Any]

MODES = ("native", "tool", "prompted")
ANSWER = "answer"
"""The field that holds an answer whose type is no object, because providers want one."""
_OURS = {"stop": "stop_sequences", "timeout": "request_timeout"}
"""What we call some settings, and what they are called there."""
_NOT_THEIRS = {"output_mode"}
_URLS = {"image": ImageUrl, "audio": AudioUrl, "video": VideoUrl}


class Asking(Struct, frozen=True):
    """A request in their words; `wrapped` says that the answer comes in a field of an object."""

    messages: list[Any]
    settings: Any
    parameters: Any
    output_tool: str = ""
    wrapped: bool = False


def asking(think: Think, default: str, **settings: Any) -> Asking:
    """The request for a `Think`; `default` is how a typed answer is asked for where nobody says.

    Raises:
        BadInput: if `output_mode` is none that there is.
    """
    brief = think.brief
    messages = [_message(turn) for turn in turns(think)]
    last = messages[-1]
    assert isinstance(last, ModelRequest)  # the last turn is always the user's
    last.instructions = brief.instructions or None
    given = {_OURS.get(key, key): value for key, value in brief.settings.items() if key not in _NOT_THEIRS}
    asked = cast("ModelSettings", {**settings, **given})
    tools = [_tool(tool) for tool in brief.tools]
    if brief.output is None:
        return Asking(messages, asked, ModelRequestParameters(function_tools=tools))
    return _typed(brief, messages, asked, tools, _mode(brief, default))


def mode_of(model: Model[Any]) -> Mode:
    """How a typed answer is best asked of a model."""
    mode: Mode = model.profile.get("default_structured_output_mode", "tool")
    return mode


def _mode(brief: Brief, default: str) -> Mode:
    mode: Any = brief.settings.get("output_mode", default)
    if mode not in MODES:
        raise BadInput(f"output_mode is one of {', '.join(MODES)}, not {mode!r}")
    chosen: Mode = mode
    return chosen


def model(provider: str, name: str, key: str, base_url: str) -> Model[Any]:
    """Their model, with a client of its own.

    At an address of one's own, `openai` means the chat interface, which is what everybody else's servers have.

    Raises:
        BadInput: if the provider has no address that could be changed.
    """
    if base_url and provider in ("openai", "openai-chat"):
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        server = OpenAICompatibleProvider("openai-compatible", base_url=base_url, api_key=key)
        return OpenAIChatModel(name, provider=server)
    return infer_model(f"{provider}:{name}", lambda kind: _provider(kind, key, base_url))


def _provider(kind: str, key: str, base_url: str) -> Provider[Any]:
    made = infer_provider_class(kind)
    takes = signature(made).parameters
    given = {"api_key": key, **({"base_url": base_url} if base_url else {})}
    if base_url and "base_url" not in takes:
        raise BadInput(f"the address of {kind!r} is fixed: say openai-chat:MODEL with this base_url")
    return made(**{name: value for name, value in given.items() if name in takes})


def _typed(
    brief: Brief,
    messages: list[ModelMessage],
    settings: ModelSettings,
    tools: list[ToolDefinition],
    mode: Mode,
) -> Asking:
    """A request for an answer that fits a schema."""
    schema, wrapped = _object(brief.output or {})
    name = "final_answer" + "_" * any(tool.name == "final_answer" for tool in brief.tools)
    about = "Give the final answer with this, when there is nothing left to find out."
    final = ToolDefinition(name=name, parameters_json_schema=schema, description=about, kind="output")
    parameters = ModelRequestParameters(
        function_tools=tools,
        output_mode=mode,
        output_object=None if mode == "tool" else OutputObjectDefinition(schema, name),
        output_tools=[final] if mode == "tool" else [],
        allow_text_output=mode != "tool",
    )
    return Asking(messages, settings, parameters, name if mode == "tool" else "", wrapped)


def _object(schema: Schema) -> tuple[Schema, bool]:
    """The schema as that of an object, without a reference at its root; and whether it was put in a field."""
    inner = dict(schema)
    definitions = dict(inner.pop("$defs", {}))
    ref = inner.get("$ref", "")
    if ref and f'"{ref}"' not in json.dumps(definitions):
        inner = dict(definitions.pop(ref.rsplit("/", 1)[-1]))
    elif ref:
        inner = {**definitions[ref.rsplit("/", 1)[-1]]}
    wrapped = inner.get("type") != "object"
    if wrapped:
        inner = {"type": "object", "properties": {ANSWER: inner}, "required": [ANSWER]}
    return ({**inner, "$defs": definitions} if definitions else inner), wrapped


def _tool(tool: ToolSpec) -> ToolDefinition:
    return ToolDefinition(
        name=tool.name, parameters_json_schema=tool.parameters, description=tool.description
    )


def _message(turn: Turn) -> ModelMessage:
    if turn.own:
        parts = [part for said in turn.parts if isinstance(said, Said) for part in _own(said)]
        thought = next((one for said in turn.parts if isinstance(said, Said) for one in said.thoughts), None)
        return ModelResponse(parts, provider_name=thought.provider if thought else None)
    answers = [
        ToolReturnPart(part.tool, _shown(part.text, part.files), part.id)
        for part in turn.parts
        if isinstance(part, Answer)
    ]
    heard = [
        one for part in turn.parts if isinstance(part, Heard) for one in _contents(part.text, part.files)
    ]
    prompt = _shown_all(heard)
    return ModelRequest([*answers, UserPromptPart(prompt)] if prompt else answers)


def _own(said: Said) -> Iterator[ModelResponsePart]:
    for thought in said.thoughts:
        if thought.proof:
            yield ThinkingPart(
                thought.text,
                id=thought.id or None,
                signature=thought.proof,
                provider_name=thought.provider or None,
            )
    if said.text.strip():
        yield TextPart(said.text)
    for call in said.calls:
        yield ToolCallPart(call.name, call.arguments, call.id)


def _shown(text: str, files: tuple[File, ...]) -> Any:
    return _shown_all(list(_contents(text, files)))


def _shown_all(contents: list[UserContent]) -> Any:
    """One text as itself, anything else as a list; a text is kept apart from the next by an empty line."""
    texts = [one for one in contents if isinstance(one, str)]
    return "\n\n".join(texts) if len(texts) == len(contents) else contents


def _contents(text: str, files: tuple[File, ...]) -> Iterator[UserContent]:
    if text.strip() or not files:
        yield text
    for file in files:
        yield _file(file)


def _file(file: File) -> UserContent:
    if file.data or not file.url:
        return BinaryContent(file.data, media_type=file.media, identifier=file.name or None)
    kind: Any = _URLS.get(file.media.partition("/")[0], DocumentUrl)
    shown: UserContent = kind(file.url, media_type=file.media, identifier=file.name or None)
    return shown
