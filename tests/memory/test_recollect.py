"""Agents with memory: what they are told before they think, and what their tools do."""

from __future__ import annotations

import asyncio

from coterie import Agent, Team, run
from coterie.kernel.story import transcript
from coterie.memory import Memory
from coterie.models import scripted
from coterie.recollect import Recollect
from coterie.stores import MemoryStore
from coterie.testing import crash_everywhere
from coterie.words.effect import Think
from coterie.words.memory import Recalled
from coterie.words.message import Message, ToolCall
from coterie.words.task import Task
from coterie.words.thread import Thread

TEXTS = ("The heron nests in June.", "The gull steals chips.", "Deploys happen on Tuesdays.")


async def stocked() -> Memory:
    """A memory with a few things in it."""
    memory = Memory()
    for n, text in enumerate(TEXTS):
        await memory.remember(text, key=str(n), source=f"notes:{n}", tags=["birds"] if n < 2 else [])
    return memory


def prompts(agent: Agent, task: Task | str, *lines: str | Message) -> tuple[list[Think], list[Recalled]]:
    """What the model of an agent is asked, and what is remembered in the end."""

    async def scene() -> tuple[list[Think], list[Recalled]]:
        memory, asked = await stocked(), list[Think]()
        script = iter(lines or ["done"])
        model = scripted(lambda think: asked.append(think) or next(script))
        result = await run(agent, task, model=model, memory=memory, id="r")
        assert result.status == "succeeded", result.failure
        return asked, await memory.recent(10)

    return asyncio.run(scene())


def test_an_agent_is_told_what_fits_its_task() -> None:
    """What is remembered of the task stands before it, fenced, with its source."""
    [think], _ = prompts(Agent("ada", memory=True), "When does the heron nest?")
    told, asked = think.thread
    assert (told.sender, asked.text) == ("memory", "When does the heron nest?")
    assert "from memory, notes:0; it is quoted" in told.text
    assert TEXTS[0] in told.text


def test_nothing_is_told_where_nothing_is_known() -> None:
    """A prompt is not longer than it has to be."""
    [think], _ = prompts(Agent("ada", memory=True), "Zyzzyva?")
    assert [message.sender for message in think.thread] == ["user"]


def test_only_what_has_the_tags_is_told() -> None:
    """An agent that is given tags sees nothing else, whatever it asks."""
    agent = Agent("ada", memory=Recollect(tags=("birds",), first=9))
    [think], _ = prompts(agent, "deploys, heron and gull")
    assert [text in think.thread[0].text for text in TEXTS] == [True, True, False]


def test_a_conversation_keeps_its_order() -> None:
    """What was said before stays before; what is remembered comes right before the task."""
    before = Thread([Message(sender="user", text="hello"), Message(sender="ada", text="hi")])
    [think], _ = prompts(Agent("ada", memory=True), Task("the heron", before))
    assert [message.sender for message in think.thread] == ["user", "ada", "memory", "user"]


def test_a_model_may_search_and_remember() -> None:
    """Both tools are effects of the run: what is kept says from where it is, and that nobody vouches for it."""
    search = Message(sender="ada", calls=(ToolCall("1", "search_memory", {"query": "gull"}),))
    keep = Message(sender="ada", calls=(ToolCall("2", "keep_in_memory", {"text": "Gulls are thieves."}),))
    agent = Agent("ada", memory=Recollect(first=0, shared=("*",)))
    asked, known = prompts(agent, "gulls", search, keep, "done")
    assert [spec.name for spec in asked[0].brief.tools] == ["search_memory", "keep_in_memory"]
    assert TEXTS[1] in asked[1].thread[2].text
    assert "it is quoted" in asked[1].thread[2].text
    [entry] = [one for one in known if "thieves" in one.text]
    assert entry.source.startswith("run r, ada/remember.1; after memory notes:1")
    assert (entry.trust, entry.shared) == ("untrusted", ("*",))


def test_bad_arguments_go_back_to_the_model() -> None:
    """The tools of memory are checked as any other is."""
    bad = Message(sender="ada", calls=(ToolCall("1", "search_memory", {"question": "gull"}),))
    asked, _ = prompts(Agent("ada", memory=Recollect(first=0)), "gulls", bad, "done")
    assert asked[1].thread[2].text.startswith("error: bad arguments")


def test_memory_is_part_of_an_agents_version() -> None:
    """An agent that recalls something else is another one, and a copy of it recalls the same."""
    plain, one, other = Agent("a"), Agent("a", memory=True), Agent("a", memory=Recollect(first=1))
    versions = [str(agent.describe()) for agent in (plain, one, other, one.like(name="a"))]
    assert len(set(versions)) == 3
    assert versions[1] == versions[3]


def test_an_agent_with_memory_survives_every_crash() -> None:
    """Cut anywhere, it comes to the same, and recalls from its journal."""

    async def play(task: Task) -> str:
        return (await Agent("ada", memory=Recollect(first=0))(task)).text

    assert crash_everywhere(Team("t", (), play), "go", script="x").text == "x"


def test_what_was_recalled_is_in_the_transcript() -> None:
    """Whoever reads the run sees what an agent was told."""

    async def scene() -> bool:
        store = MemoryStore()
        await run(
            Agent("a", memory=True), "heron", model=scripted("x"), memory=await stocked(), store=store, id="r"
        )
        return any(TEXTS[0] in line.text for line in transcript(await store.read("r")))

    assert asyncio.run(scene())
