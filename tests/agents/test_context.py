import pytest

from coterie import Agent, Message, Put, Task, Team, gather
from coterie.context import Last, Own, Select, Summary, Whole, clipped
from coterie.errors import BadInput, OverLimit
from coterie.patterns import chat, handoff
from coterie.testing import crash_everywhere, rehearse
from coterie.words.handover import Transfer
from coterie.words.message import ToolCall
from coterie.words.thread import Thread
from coterie.words.tokens import size_of, tokens

WORDS = "the tide turns at six and the wind comes from the west "


def said(*names):
    """A conversation: the goal, then one numbered message by each of `names`."""
    lines = [Message(sender=name, text=f"{name} {n}") for n, name in enumerate(names, 2)]
    return Thread([Message(sender="user", text="the goal"), *lines])


def prompt_of(agent, task, line="ok"):
    """The texts of the first prompt."""
    return [message.text for message in rehearse(agent, task, line)[1][0].thread]


def size_in(think):
    return think.brief.size + sum(map(size_of, think.thread))


def test_the_last_message_beside_the_goal_and_the_task():
    """What the conversation began with is always there, and what is left out is said."""
    told = prompt_of(Agent("ann", context=Last()), Task("now you", said("bo", "cy", "bo")))
    notice = '[2 earlier messages are left out, from number 2 to 3; reread("2") shows one]'
    assert told == ["the goal", notice, "bo 4", "now you"]


def test_the_last_two_of_a_chat_are_counted_with_the_one_to_answer():
    """Where a task has no text, the latest message is what is asked."""
    told = prompt_of(Agent("ann", context=Last(n=2)), Task("", said("bo", "cy", "dee")))
    assert told == [
        "the goal",
        '[1 earlier message is left out, number 2; reread("2") shows it]',
        "cy 3",
        "dee 4",
    ]


def test_the_own_thread():
    """What the agent said and what the user said, and what it has to answer."""
    thread = said("ann", "bo", "user", "bo", "ann", "cy")
    told = prompt_of(Agent("ann", context=Own()), Task("", thread))
    assert told[0] == "the goal"
    assert told[2:] == ["ann 2", "user 4", "ann 6", "cy 7"]


def test_own_calls_bring_their_results():
    """A result is nobody's own but belongs to the call before it."""
    calls = (ToolCall("1", "look", {}), ToolCall("2", "look", {}))
    rows = [Message(sender="ann", calls=calls), *(Message(sender="look", text=n, answers=n) for n in "12")]
    other = [Message(sender="bo", calls=calls[:1]), Message(sender="look", text="no", answers="1")]
    told = prompt_of(Agent("ann", context=Own()), Task("now", said("cy").add(*rows, *other)))
    assert told[2:] == ["", "1", "2", "now"]


def test_the_whole_thread_is_the_thread():
    """Within its budget it is shown as it is, without a further tool."""
    task = Task("now", said("bo", "cy"))
    _, asked = rehearse(Agent("ann", context=Whole(budget=2_000)), task, "ok")
    assert [message.text for message in asked[0].thread] == ["the goal", "bo 2", "cy 3", "now"]
    assert asked[0].brief.tools == ()


def test_a_budget_leaves_out_the_oldest_in_blocks():
    """The beginning of the prompt stays the same for several turns, and no prompt exceeds the budget."""
    agents = [Agent(name, context=Whole(budget=2_000)) for name in "ab"]
    _, asked = rehearse(chat(*agents, turns=120), "go", numbered())
    assert all(size_in(think) <= 2_000 for think in asked)
    notices = [think.thread[1].text for think in asked[60:]]
    assert len(set(notices)) < len(notices) / 3
    assert min(len(think.thread) for think in asked[60:]) > 8


def test_what_was_left_out_can_be_fetched():
    """The agent gets a tool that reads the thread it was given, piece by piece."""
    long = "".join(f"line {n}: {WORDS}\n" for n in range(300))
    thread = said("bo").add(Message(sender="cy", text=long), Message(sender="bo", text="well"))
    agent = Agent("ann", context=Last(budget=3_000))
    calls = [ToolCall("1", "reread", {"id": "3"}), ToolCall("2", "reread", {"id": 3, "start": 1_000}), "done"]
    _, asked = rehearse(agent, Task("now", thread), calls)
    assert [spec.name for spec in asked[0].brief.tools] == ["reread"]
    first, second = asked[1].thread[-1].text, asked[2].thread[-1].text
    assert first.startswith("[message 3 of 5, by 'cy', characters 0 to ")
    assert f'reread("3", {len(first.partition("]")[2]) - 1}) goes on]' in first
    assert long.startswith(first.partition("]\n")[2])
    assert second.partition("]\n")[2] in long[1_000:]
    assert all(size_in(think) <= 3_000 for think in asked)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"id": "9"}, "error: there is no '9'; there are messages 1 to 3, and []"),
        ({"id": "x"}, "error: there is no 'x'"),
        ({"start": 1}, "error: bad arguments: Object missing required field `id`"),
        ({"id": 0}, "error: there is no '0'"),
        ({"id": 2, "start": 99}, "[message 2 of 3, by 'bo', characters 4 to 4 of 4]\n"),
    ],
)
def test_rereading_what_is_not_there_is_said(arguments, problem):
    """A wrong wish is answered, as with any tool."""
    thread = said("bo")
    _, asked = rehearse(
        Agent("ann", context=Last()), Task("now", thread), [ToolCall("1", "reread", arguments), "ok"]
    )
    assert asked[1].thread[-1].text.startswith(problem)


def test_a_big_tool_output_is_shown_by_its_beginning():
    """The rest is named by the number of its message, and the call stays with it."""
    page = WORDS * 1_000

    def read() -> str:
        """Read."""
        return page

    agent = Agent("ann", tools=[read], context=Whole(budget=3_000))
    _, asked = rehearse(agent, "go", [ToolCall("1", "read", {}), "ok"])
    call, result = asked[1].thread[-2], asked[1].thread[-1]
    assert (call.calls[0].id, result.answers) == ("1", "1")
    assert page.startswith(result.text.partition("\n[")[0])
    assert 'reread("3", ' in result.text
    assert size_in(asked[1]) <= 3_000


def test_many_results_of_one_call_share_the_room():
    """They are never separated from it; more than can be shown at all is refused."""

    def read(n: int) -> str:
        """Read."""
        return WORDS * 500

    def asked_with(count):
        calls = [ToolCall(str(n), "read", {"n": n}) for n in range(count)]
        return rehearse(Agent("ann", tools=[read], context=Whole(budget=4_000)), "go", [calls, "ok"])[1]

    asked = asked_with(12)
    assert [message.answers for message in asked[1].thread][-12:] == [str(n) for n in range(12)]
    assert size_in(asked[1]) <= 4_000
    with pytest.raises(OverLimit, match="a call with 90 results is more than its context's budget of 4000"):
        asked_with(90)


def test_long_arguments_of_a_call_are_shortened():
    """What a model wrote into a file it need not read again in full."""

    def write(text: str) -> str:
        """Write."""
        return "written"

    agent = Agent("ann", tools=[write], context=Whole(budget=3_000))
    _, asked = rehearse(agent, "go", [ToolCall("1", "write", {"text": WORDS * 900}), "ok"])
    shown = asked[1].thread[-2].calls[0].arguments["text"]
    assert shown.endswith('[and more: reread("2")]')
    assert size_in(asked[1]) <= 3_000


def test_values_by_key():
    """Board entries and fields of the task's data stand in for the conversation; what is missing is said."""
    ann = Agent("ann", context=Select(keys=("tide", "resolved.order", "moon")))

    async def play(task):
        await Put("tide", {"turns": 6})
        return await ann(Task("now", said("bo", "cy"), {"resolved": {"order": 7}}))

    _, asked = rehearse(Team("team", [ann], play), "go", "ok")
    told = [message.text for message in asked[0].thread]
    assert told[0] == "the goal"
    assert told[2] == 'This is known.\ntide: {"turns":6}\nresolved.order: 7\nmoon: [nothing is known of it]'
    assert told[3:] == ["now"]


def test_a_long_value_can_be_fetched():
    """It is named by its key."""
    ann = Agent("ann", context=Select(keys=("page",), budget=3_000))
    data = {"page": WORDS * 300}
    call = ToolCall("1", "reread", {"id": "page", "start": 500})
    _, asked = rehearse(ann, Task("now", data=data), [call, "ok"])
    assert '[and more: reread("page", ' in asked[0].thread[1].text
    assert asked[1].thread[-1].text.startswith("[the value of 'page', characters 500 to ")


def test_the_fields_of_a_hand_off_can_be_selected():
    """Who takes over reads what is resolved, and not the talk before."""
    ann, bo = Agent("ann"), Agent("bo", context=Select(keys=("resolved.order", "constraints")))
    script = {"ann": [Transfer(to="bo", resolved={"order": 7}, constraints=("by noon",))], "bo": "done"}
    _, asked = rehearse(handoff(ann, bo), "refund me", script)
    assert 'resolved.order: 7\nconstraints: ["by noon"]' in asked[1].thread[-2].text


def test_what_is_beyond_the_budget_is_summarised():
    """Each block is read once, by the actor that summarises, and members share what it made."""
    clerk = Agent("clerk")
    agents = [Agent(name, context=Summary(by=clerk, budget=2_000)) for name in "ab"]
    line = {"clerk": lambda think: f"up to {think.thread[-2].text.split()[0]}", "*": numbered()}
    _, asked = rehearse(chat(*agents, turns=100), "go", line)
    talks = [think for think in asked if think.actor != "clerk"]
    clerks = [think for think in asked if think.actor == "clerk"]
    assert all(size_in(think) <= 2_000 for think in asked)
    assert 3 < len(clerks) < 20
    read = [message.text for think in clerks for message in think.thread if message.sender in "ab"]
    assert len(read) == len(set(read))
    assert talks[-1].thread[2].text.startswith("In short, that was: up to ")
    last = int(talks[-1].thread[2].text.split()[-1])
    assert int(talks[-1].thread[3].text.split()[0]) == last + 1


def numbered():
    """Messages that begin with a number of their own."""
    count = iter(range(1, 10_000))
    return lambda think: f"{next(count)} {WORDS}"


def test_without_a_clerk_the_agents_own_model_summarises():
    """It is asked with the agent's name, and told so."""
    agent = Agent("ann", context=Summary(budget=2_000))
    thread = Thread(
        [Message(sender="user", text="go")] + [Message(sender="b", text=f"{n} {WORDS}") for n in range(90)]
    )
    said, asked = rehearse(
        agent, Task("now", thread), lambda think: "short" if "Summarize" in think.brief.instructions else "ok"
    )
    assert said.text == "ok"
    assert {think.actor for think in asked} == {"ann"}
    assert asked[-1].thread[2].text == "In short, that was: short"
    assert all(size_in(think) <= 2_000 for think in asked)


def test_members_that_leave_out_the_same_share_a_summary():
    """Asked at once, one makes it and the others wait."""
    clerk = Agent("clerk")
    members = [Agent(name, context=Summary(by=clerk, budget=2_000)) for name in "abc"]
    thread = Thread([Message(sender="b", text=f"{n} {WORDS}") for n in range(90)])

    async def play(task):
        return (await gather(*(one(Task("now", thread)) for one in members)))[0]

    _, asked = rehearse(Team("team", [*members, clerk], play), "go", "ok")
    blocks = [think for think in asked if think.actor == "clerk"]
    assert len({think.thread.digest for think in blocks}) == len(blocks)


def test_p01_summaries_survive_a_crash_anywhere():
    """They are in the journal like everything else."""
    clerk = Agent("clerk")
    agents = [Agent(name, context=Summary(by=clerk, budget=1_400)) for name in "ab"]
    result = crash_everywhere(
        chat(*agents, turns=40), "go", script=lambda think: f"{len(think.thread)} {think.thread.digest.hex()}"
    )
    assert result.status == "succeeded"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Agent("a", context=Whole(budget=100)), "agent 'a': a budget of 100 tokens is too small"),
        (lambda: Agent("a", tools=[reread], context=Last()), "'reread' is the tool for what was left out"),
        (lambda: Whole(budget=0), "1 token or more"),
        (lambda: Last(n=0), "n is 1 or more"),
        (Summary, "a summary needs a budget"),
    ],
)
def test_what_cannot_work_is_refused_at_the_door(make, problem):
    """Each with what to change."""
    with pytest.raises(BadInput, match=problem):
        make()


def reread(id: str) -> str:
    """Recall."""
    return id


def test_a_context_is_part_of_an_agents_version():
    """An agent without one keeps the version it had."""
    plain, last = Agent("a"), Agent("a", context=Last())
    assert last.describe() == [
        *plain.describe(),
        ["last", {"budget": None, "count": "tokens", "reread": True, "n": 1}],
    ]
    assert last.like(name="b").context == Last()


def test_a_count_of_ones_own_is_used():
    """Any function from a text to a number measures."""
    agent = Agent("ann", context=Whole(budget=3_000, count=lambda text: len(text.split())))
    thread = Thread([Message(sender="b", text=WORDS) for _ in range(90)])
    _, asked = rehearse(agent, Task("now", thread), "ok")
    assert len(asked[0].thread) == 91


def test_a_text_is_clipped_to_as_many_tokens():
    """Never one more, and no letter less than fits."""
    part = clipped(WORDS * 50, 100, tokens)
    assert tokens(part) <= 100 < tokens((WORDS * 50)[: len(part) + 4])
