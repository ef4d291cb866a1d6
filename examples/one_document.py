"""Two agents, one document: both add to it at once, and nothing of either is lost, unless somebody decides so.

    python examples/one_document.py                 # a scripted model
    python examples/one_document.py embedded        # the local one

It is done five times: by each strategy of `claimed`, and by hand on the board, with versions.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from coterie import Actor, Agent, Get, Message, Put, Task, Team, gather
from coterie.models import scripted
from coterie.patterns import by_lines, by_priority, claimed, escalating, in_order, merging
from coterie.patterns.contest import Strategy
from coterie.words.effect import Think
from coterie.words.intent import Resolution

NOTICE = "Regatta on Sunday.\nStart at ten."
cook = Agent("cook", "You are the ship's cook. Say in one short sentence what there is to eat.")
mate = Agent("mate", "You are the ship's mate. Say in one short sentence how to set the sails.")
boss = Agent("boss", "You decide. Prefer that work is done again, so that nothing is lost.")


def adds_a_line(agent: Agent) -> Team:
    """`agent` as an editor: what the document says, and a line of its own."""

    async def play(task: Task) -> str:
        line = " ".join((await agent(task.text)).text.split())
        return f"{task.data}\n{agent.name}: {line}"

    return Team(agent.name, [agent], play)


def editors(strategy: Strategy) -> Team:
    """Both at work on the notice at once; the answer is what it says in the end."""
    members = [claimed(adds_a_line(agent), "notice", strategy=strategy) for agent in (cook, mate)]

    async def play(task: Task) -> Message:
        await Put("notice", NOTICE)
        await gather(*(member(task.text) for member in members))
        settled = (await Get("notice.settled")).value
        why = settled.why if isinstance(settled, Resolution) else "nobody met with anybody"
        parts = (Message(sender="settled", text=why),)
        return Message(sender="editors", text=(await Get("notice")).value, parts=parts)

    return Team("editors", members, play)


def on_the_board() -> Team:
    """The same by hand: a write names the version that it saw, and is done again if that is not the last."""
    members: Sequence[Actor] = [adds_a_line(cook), adds_a_line(mate)]

    async def edit(member: Actor, text: str) -> None:
        while True:
            seen = await Get("notice")
            said = await member(Task(text, data=seen.value))
            if await Put("notice", said.text, version=seen.version):
                return

    async def play(task: Task) -> str:
        await Put("notice", NOTICE)
        await gather(*(edit(member, task.text) for member in members))
        return str((await Get("notice")).value)

    return Team("board", members, play)


TEAMS = {
    "by priority": editors(by_priority),
    "merged by lines": editors(merging(by_lines)),
    "escalated to an actor": editors(escalating(boss)),
    "rolled back, in order": editors(in_order()),
    "on the board, by version": on_the_board(),
}


def lines(think: Think) -> object:
    """What the scripted model says."""
    if think.actor == "boss":
        return {"choice": "again"}
    return {"cook": "Soup at noon, on deck.", "mate": "Reef early: wind from the west."}[think.actor]


def main(name: str = "") -> None:
    """Edit the notice in each way, and see that every line is there."""
    for way, team in TEAMS.items():
        result = team.run_sync("Something for the notice on the door.", model=name or scripted(lines))
        said = result.text.splitlines()
        assert said[:2] == NOTICE.splitlines(), result
        settled = result.parts[0].text if result.parts else "by hand"
        both = sorted(line.partition(":")[0] for line in said[2:]) == ["cook", "mate"]
        assert both or "decided" in settled, (
            result
        )  # whatever is missing, somebody has decided that it should be
        print(
            f"{way} ({result.usage.requests} model calls; {settled})",
            *(f"    {line}" for line in said),
            sep="\n",
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
