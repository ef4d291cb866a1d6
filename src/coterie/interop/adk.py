"""Google ADK: an agent, with its sub-agents, as an actor."""

from __future__ import annotations

from typing import Any

from coterie.interop.guest import Answer, Guest, Line, Turn, called, kit

WHO, APP = "coterie", "coterie"


def from_adk(agent: Any, name: str = "", **options: Any) -> Guest:
    """An agent of Google's ADK as an actor; `options` are those of `Guest`, and `state` is that of its sessions.

    Each turn is a session of its own in memory, which begins with what was said before. The last final response is
    the answer.
    """
    state: dict[str, Any] = options.pop("state", None) or {}

    async def take(turn: Turn) -> Answer:
        runners = kit("google.adk.runners", "google-adk")
        modes = kit("google.adk.agents.run_config", "google-adk")
        *before, last = turn.lines
        async with runners.InMemoryRunner(agent, app_name=APP) as runner:
            service = runner.session_service
            session = await service.create_session(app_name=APP, user_id=WHO, state=dict(state))
            for line in before:
                await service.append_event(session, _event(line, agent.name))
            events = runner.run_async(
                user_id=WHO,
                session_id=session.id,
                new_message=_content("user", last.text),
                run_config=modes.RunConfig(streaming_mode=modes.StreamingMode.SSE),
            )
            try:
                return await _said(turn, events)
            finally:
                await events.aclose()

    return Guest(called(agent, name, default="agent"), take, framework="adk", **options)


async def _said(turn: Turn, events: Any) -> Answer:
    """Show what is said as it comes, count what it costs, and give the last final response.

    Raises:
        RuntimeError: if a model gave an error in the place of an answer.
    """
    text, problem, part = "", "", 0
    async for event in events:
        said = _text(event)
        if event.partial:
            turn.say(said, part)
            continue
        if event.error_code:  # what raised it, if anything did, comes after the event
            problem = f"{event.error_code}: {event.error_message}"
        part += 1
        _count(turn, event)
        if event.is_final_response() and said:
            text, problem = said, ""
    if problem:
        raise RuntimeError(problem)
    return Answer(text)


def _count(turn: Turn, event: Any) -> None:
    usage = event.usage_metadata
    turn.spend(
        requests=usage is not None,
        tool_calls=len(event.get_function_responses()),
        input_tokens=usage and usage.prompt_token_count,
        output_tokens=usage and usage.candidates_token_count,
        cache_read_tokens=usage and usage.cached_content_token_count,
    )


def _text(event: Any) -> str:
    parts = event.content.parts or () if event.content else ()
    return "".join(part.text for part in parts if part.text and not part.thought)


def _content(role: str, text: str) -> Any:
    types = kit("google.genai.types", "google-adk")
    return types.Content(role=role, parts=[types.Part(text=text)])


def _event(line: Line, agent: str) -> Any:
    """What was said before, as an event of a session."""
    events = kit("google.adk.events", "google-adk")
    role, author = ("model", agent) if line.own else ("user", "user")
    return events.Event(author=author, content=_content(role, line.text))
