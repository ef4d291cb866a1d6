"""P16: context stays linear, whatever the pattern and whatever the policy."""

import re
from collections import Counter
from itertools import count

import pytest

from coterie import Agent
from coterie.context import Last, Own, Summary, Whole
from coterie.patterns import chat, committee, debate, handoff, hub, pipeline, refine, supervisor
from coterie.testing import rehearse
from coterie.words.message import ToolCall, content_digest
from coterie.words.thread import Thread
from coterie.words.tokens import size_of, tokens

BUDGET = 6_000
ROUNDS = 20
NAMES = ("ann", "bo", "cy", "dee", "eve")
PAGE = 50_000


def read(n: int) -> str:
    """Read a page of 50 KB."""
    lines = (
        f"page {n}, line {at}: the tide turns at six and the wind comes from the west\n" for at in count()
    )
    text = ""
    while len(text) < PAGE:
        text += next(lines)
    return text[:PAGE]


def agents(context, *names):
    return [Agent(name, "You sail.", tools=[read], context=context) for name in names or NAMES]


def reads_then_says():
    """A model that reads a page in each task, some two at once, and then says something of its own."""
    pages, lines = count(), count()

    def line(think):
        last = think.thread[-1]
        if not think.brief.tools:
            return f"in short {next(lines)}"
        if last.answers:
            return f"{think.actor} says {next(lines)}: we sail at six, for the tide turns then"
        n = next(pages)
        return [ToolCall(f"{n}-{at}", "read", {"n": 2 * n + at}) for at in range(1 + n % 2)]

    return line


def check(asked):
    for think in asked:
        size = tokens(think.brief.instructions) + think.brief.size + sum(map(size_of, think.thread))
        assert size <= BUDGET, f"{think.actor} is shown {size} tokens"
        names = Counter(map(content_digest, think.thread))
        twice = [said.text[:60] for said in think.thread if names[content_digest(said)] > 1]
        assert not twice, f"{think.actor} is shown this twice: {twice}"
        whole_calls(think.thread)


def whole_calls(thread):
    """Every result follows the call that it answers, and every call has all its results."""
    due = []
    for said in thread:
        if said.answers:
            assert said.answers in due
            due.remove(said.answers)
        else:
            assert due == []
            due = [call.id for call in said.calls]
    assert due == []


CONTEXTS = {
    "whole": Whole(budget=BUDGET),
    "last": Last(n=3, budget=BUDGET),
    "own": Own(budget=BUDGET),
    "summary": Summary(budget=BUDGET),
    "clerk": Summary(by=Agent("clerk"), budget=BUDGET),
}
every = pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)


@every
def test_p16_a_debate_of_five_over_twenty_rounds(context):
    """No message twice, every call under its budget, call and result together."""
    team = debate(*agents(context), judge=agents(context, "judge")[0], rounds=ROUNDS)
    _, asked = rehearse(team, "When do we sail?", reads_then_says())
    assert len([think for think in asked if think.brief.instructions == "You sail."]) == 2 * (
        5 * (ROUNDS + 1) + 1
    )
    check(asked)


@every
def test_p16_a_chat_of_five_over_twenty_rounds(context):
    """The same where everybody hears every word."""
    _, asked = rehearse(chat(*agents(context), turns=5 * ROUNDS), "When do we sail?", reads_then_says())
    check(asked)


@every
def test_p16_prompts_do_not_grow(context):
    """What a turn is shown at the end is no more than what it is shown once the budget is reached."""
    _, asked = rehearse(chat(*agents(context), turns=300), "When do we sail?", reads_then_says())
    check(asked)
    sizes = [sum(map(size_of, think.thread)) for think in asked if think.brief.instructions == "You sail."]
    middle, end = sizes[len(sizes) // 3 : len(sizes) // 2], sizes[-len(sizes) // 6 :]
    assert max(end) <= max(middle) * 1.1


def test_p16_what_was_left_out_is_named_and_can_be_fetched():
    """An agent that asks for each page it cannot see in full gets every letter of it."""
    got, page = {}, read(7)

    def line(think):
        last = think.thread[-1]
        if last.sender == "user":
            return ToolCall("1", "read", {"n": 7})
        if last.sender == "read":
            shown, number, start = re.fullmatch(
                r'(.*)\n\[.*reread\("(\d+)", (\d+)\).*\]', last.text, re.DOTALL
            ).groups()
            got[0] = shown
            return ToolCall("r", "reread", {"id": number, "start": int(start)})
        head, _, piece = last.text.partition("]\n")
        start, end = map(int, re.search(r"characters (\d+) to (\d+) of 50000", head).groups())
        got[start] = piece
        if end < PAGE:
            return ToolCall("r", "reread", {"id": "3", "start": end})
        return "read it all"

    agent = Agent("ann", "You sail.", tools=[read], context=Whole(budget=BUDGET), turns=500)
    said, asked = rehearse(agent, "go", line)
    assert said.text == "read it all"
    assert "".join(got[start] for start in sorted(got)) == page
    check(asked)


def teams(context):
    """Patterns that pass a conversation on, with agents that read as they go."""
    ann, bo, cy, *_ = agents(context)
    plain = [Agent(name, context=context) for name in ("lead", "left", "right")]
    return {
        "pipeline": pipeline(ann, bo, cy),
        "refine": refine(ann, bo, rounds=8),
        "supervisor": supervisor(plain[0], [ann, bo], max_turns=12),
        "hub": hub(plain[0], ann, bo),
        "handoff": handoff(*plain),
        "committee": committee(*plain, choices=["sail", "stay"]),
    }


def answers_of(name):
    """What the members of each of those say."""
    line, turn = reads_then_says(), count()

    def script(think):
        n = next(turn)
        if name == "supervisor" and think.actor == "lead":
            move = {"worker": ("ann", "bo")[n % 2], "task": f"look at {n}"}
            return move if n < 30 else {"answer": "we sail"}
        if name == "hub" and think.actor == "lead":
            return {"requests": [{"to": "ann", "text": f"look {n}"}, {"to": "bo", "text": f"see {n}"}]}
        if name == "handoff":
            to = {"lead": "left", "left": "right", "right": "lead"}[think.actor]
            return {"to": to, "knowledge": [f"fact {n}: {'tide ' * 20}"]} if n < 30 else "we sail"
        if name == "committee":
            return {"choice": "sail", "confidence": 1.0, "reason": f"because {n}"}
        return line(think)

    return script


@pytest.mark.parametrize("name", teams(None))
def test_p16_every_pattern_that_passes_a_conversation_on(name):
    """One option of its agents is all that a pattern needs."""
    _, asked = rehearse(teams(Whole(budget=BUDGET))[name], "When do we sail?", answers_of(name))
    assert len(asked) >= 3
    check(asked)


def test_p16_the_thread_itself_loses_nothing():
    """The narrowed prompt is a view: what comes of a chat holds every message in full."""
    said, _ = rehearse(chat(*agents(Last()), turns=40), "go", reads_then_says())
    assert len(said.parts) == 40
    assert len(set(map(content_digest, said.parts))) == 40
    assert isinstance(Thread(said.parts), Thread)
