"""Commands that are given a team: they have its options, too, if it is a ready-made one."""

from __future__ import annotations

from typing import Any

import click

from coterie.doors.teams import options_of
from coterie.teams.option import Option

KINDS: dict[str, Any] = {
    "text": str,
    "number": float,
    "flag": bool,
    "folder": click.Path(exists=True, file_okay=False, resolve_path=True),
    "file": click.Path(exists=True, dir_okay=False, resolve_path=True),
    "path": click.Path(exists=True, resolve_path=True),
    "output": click.Path(resolve_path=True),
    "store": click.Path(dir_okay=False, resolve_path=True),
}
"""The type of an option of each kind that ready-made teams have."""


class TeamCommand(click.Command):
    """A command whose options are its own and those of the ready-made team it is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        team = parser.parse_args(list(args))[0].get("team")
        options = options_of(team) if isinstance(team, str) else ()
        ctx.meta["coterie.options"] = [_click_option(option) for option in options]
        return super().parse_args(ctx, args)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*ctx.meta.get("coterie.options", ()), *super().get_params(ctx)]


def _click_option(option: Option) -> click.Option:
    flag = option.kind == "flag"
    shown = {} if option.default is None else {"default": option.default, "show_default": True}
    return click.Option(
        [f"--{option.name.replace('_', '-')}", option.name],
        type=KINDS[option.kind],
        is_flag=flag,
        required=option.required,
        metavar=None if flag else option.kind.upper(),
        help=option.help,
        **shown,
    )
