"""The commands by name. Each is imported when it is given, so `--help` is quick."""

from __future__ import annotations

import importlib
from typing import Any

import click

from coterie import __version__
from coterie.errors import BadInput, CoterieError, MissingExtra, UnknownRun

COMMANDS = {
    "new": ("design", "Write a team to begin with."),
    "teams": ("design", "List the teams there are."),
    "check": ("design", "Say what is wrong with a team, and what it may cost at most."),
    "graph": ("design", "Draw a team."),
    "compare": ("compare", "Give the same tasks to a team and to an agent."),
    "schema": ("design", "Print the JSON schema of team files."),
    "plan": ("plan", "Have an orchestrator's planner make a plan, and look at it."),
    "run": ("run", "Give a task to a team."),
    "runs": ("look", "List the runs in a store."),
    "show": ("look", "Show what happened in a run."),
    "usage": ("usage", "Say what runs used, and what it cost."),
    "resume": ("run", "Go on with a run that stopped, or waits for answers."),
    "fork": ("change", "Run it again from an event, with one thing changed."),
    "diff": ("diff", "Show two runs side by side: outcome, path, cost and time."),
    "replay": ("change", "Live a journal again, and say whether it comes out the same."),
    "pause": ("change", "Put a run away until it is resumed."),
    "cancel": ("change", "Stop a run, whichever process works on it."),
    "approvals": ("approvals", "List what runs wait for people to decide."),
    "approve": ("approvals", "Approve the use of a tool."),
    "deny": ("approvals", "Deny the use of a tool."),
    "answer": ("approvals", "Answer a question of a run."),
    "verify": ("audit", "Check that journals, or exports, are what was written."),
    "export": ("audit", "Write a run into one file that can be checked anywhere."),
    "report": ("audit", "Say every side effect of a run: who, why, by which path, and with which approval."),
    "redact": ("retention", "Take out, for good, what was said in a run."),
    "prune": ("retention", "Let go of runs that ended long ago."),
    "key": ("audit", "Make a key that exports are signed with."),
    "memory": ("memory", "Add to what is remembered, search it, and forget it."),
    "standing": ("standing", "Keep agents at a service, and tell them things."),
    "serve": ("serve", "Serve teams over HTTP."),
    "acp-editor": ("editor", "Be a team as an agent in an editor, over stdio."),
    "mcp": ("mcp", "Offer teams as tools to an MCP client, over stdio."),
    "worker": ("worker", "Perform the runs of a queue, beside others."),
    "cluster": ("cluster", "Say what waits on a queue, and who works on it."),
    "schedule": ("schedule", "Run teams again and again, by a cron expression."),
    "agents": ("agents", "Find agents that live elsewhere."),
    "card": ("agents", "Look at the card of an agent."),
    "keys": ("keys", "Make, list and revoke the keys of a service."),
    "backup": ("backup", "Copy a store while it is in use."),
    "restore": ("backup", "Put a copy where no store is."),
    "move": ("move", "Move the runs of a store to another: from a file to a server, or back."),
    "doctor": ("doctor", "Say what this installation has, and what it lacks."),
}
"""What there is: the module of this folder that has it, and what it does."""


class Refused(click.ClickException):
    """What went wrong, in one message and without a traceback."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error) or type(error).__name__)

    def show(self, file: Any = None) -> None:
        click.echo(f"coterie: {self.message}", file=file, err=file is None)


class Misused(Refused):
    """A mistake in the command, or in what it names."""

    exit_code = 2


class Commands(click.Group):
    """A group that imports a command when it is called, and says every error once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"coterie.doors.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BadInput, MissingExtra, UnknownRun) as error:
            raise Misused(error) from error
        except BrokenPipeError:
            raise  # whoever reads us has enough; click ends quietly
        except (CoterieError, OSError) as error:
            raise Refused(error) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def coterie() -> None:
    """Run teams of AI agents as durable programs."""
