"""Guests: agents of other frameworks as members of any team. A framework is imported when its guest takes a turn."""

from coterie.interop.adk import from_adk
from coterie.interop.agent_framework import from_agent_framework
from coterie.interop.autogen import from_autogen
from coterie.interop.crewai import from_crewai
from coterie.interop.guest import Guest
from coterie.interop.langgraph import from_langgraph
from coterie.interop.openai_agents import from_openai_agents
from coterie.interop.pydantic_ai import from_pydantic_ai

__all__ = [
    "Guest",
    "from_adk",
    "from_agent_framework",
    "from_autogen",
    "from_crewai",
    "from_langgraph",
    "from_openai_agents",
    "from_pydantic_ai",
]
