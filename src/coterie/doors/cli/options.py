"""Options that several commands have, each said in the same words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

model_option: Callable[[Any], Any] = click.option(
    "--model", help="The model of agents that name none, as embedded or openai:gpt-5-mini."
)
tool_option: Callable[[Any], Any] = click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="module:NAME",
    help="A tool that agents written over the API may use.",
)
engine_option: Callable[[Any], Any] = click.option(
    "--engine",
    metavar="URL",
    envvar="COTERIE_ENGINE",
    show_envvar=True,
    help="Who dispatches runs: nats://HOST:PORT, or temporal://HOST:PORT/NAMESPACE.",
)
log_option: Callable[[Any], Any] = click.option(
    "--log", is_flag=True, help="Write what happens in runs to stderr, a line of JSON each."
)
