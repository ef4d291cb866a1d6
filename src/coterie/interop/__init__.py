"""Guests: agents of other frameworks as members of any team. A framework is imported when its guest takes a turn."""

from coterie.interop.guest import Guest
from coterie.interop.langgraph import from_langgraph
from coterie.interop.openai_agents import from_openai_agents
from coterie.interop.pydantic_ai import from_pydantic_ai

__all__ = ["Guest", "from_langgraph", "from_openai_agents", "from_pydantic_ai"]
