"""Hub: a center sends requests to spokes and makes one answer of theirs; spokes may also ask each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from coterie.actor import Actor
from coterie.agent import conversation
from coterie.calls import ENDLESS, each
from coterie.errors import BadInput
from coterie.patterns.answers import answers, missing_of
from coterie.patterns.choose import decision, eligible_name, fields_in, fitted, one_of
from coterie.patterns.crew import crew_of, listing, purposes
from coterie.talk import Post
from coterie.team import Team
from coterie.words.failure import Failure, Policy, collect_all, failures, successes
from coterie.words.message import Message
from coterie.words.task import Task

ASK = """You can ask these:
{spokes}
Say whom you ask what with JSON: {{"requests": [{{"to": "...", "text": "..."}}]}}, or answer: {{"answer": "..."}}."""
FURTHER = "Round {n}: ask further, or answer, with JSON as before."
ANSWER = "Now answer the task from what they said."
DIRECT = "{sender} asks you: {text}"


class Request(Struct, frozen=True):
    """A request to a spoke. As the output of a spoke: what it asks another one directly."""

    to: str
    text: str


class Requests(Struct, frozen=True, omit_defaults=True):
    """What a center says: whom it asks what, or, with nobody to ask, the answer."""

    requests: tuple[Request, ...] = ()
    answer: str = ""


def hub(
    center: Actor,
    *spokes: Actor,
    rounds: int = 3,
    direct: int = 3,
    name: str = "hub",
    on_failure: Policy = collect_all,
) -> Team:
    """A team whose `center` asks `spokes`, all of a round at once, and answers, after at most `rounds`.

    The center says `Requests`; an agent is held to the spokes that there are. What cannot be read goes
    back once; then, in the first round, every spoke gets the task. A spoke whose output is a `Request`
    asks another spoke directly, up to `direct` times, and goes on with the answer. Every request and
    every reply, by the center or direct, is a message in the mail of the run. `parts` is what the spokes
    answered, in the order in which they were asked; `missing` is who did not, and why.

    Raises:
        BadInput: without spokes, if two have one name, with rounds below 1 or direct below 0.
    """
    crew = crew_of(spokes, f"hub {name!r}", "spokes")
    if rounds < 1 or direct < 0:
        raise BadInput(f"hub {name!r}: rounds is 1 or more, and direct 0 or more")

    async def play(task: Task) -> Message:
        desk = Desk(await Post.open(), center.name, crew, task, direct)
        thread, said, lost = conversation(task), list[Message](), list[Failure]()
        answer = Message(sender=name)
        for turn in range(rounds):
            text = FURTHER.format(n=turn + 1) if turn else ASK.format(spokes=listing(purposes(crew)))
            asked = Task(text, thread, task.data)
            made = await decision(fitted(center, _requesting(crew)), asked, lambda one: _read(one, crew))
            thread, wanted = made.thread, made.value
            if wanted is None:
                everybody = tuple(Request(one, task.text) for one in crew) if not turn else ()
                wanted = Requests(everybody)
                lost.append(Failure(kind="BadOutput", message=f"{center.name!r} asked wrongly: {made.why}"))
            answer = replace(made.said, text=wanted.answer or made.said.text, output=None)
            if not wanted.requests:
                break
            outcomes = await answers(
                [desk.ask(center.name, one, direct) for one in wanted.requests], on_failure
            )
            found: list[Message] = successes(outcomes)
            lost += failures(outcomes)
            said += found
            thread = thread.add(*found)
        if said:
            answer = await center(Task(ANSWER, thread, task.data))
        parts = tuple(said)
        return replace(answer, sender=name, parts=parts, missing=(*lost, *missing_of((*parts, answer))))

    settings = {"rounds": rounds, "direct": direct, "on_failure": repr(on_failure)}
    # How many requests a center makes in one round is its own to say.
    calls = [each(2 * rounds + 1, center), each(ENDLESS, *spokes)]
    return Team(name, [center, *spokes], play, settings=settings, calls=calls)


class Desk:
    """Requests and replies of one play, each an envelope in its mail."""

    def __init__(self, post: Post, center: str, crew: Mapping[str, Actor], goal: Task, direct: int) -> None:
        self.post, self.center, self.crew, self.goal, self.direct = post, center, crew, goal, direct

    async def ask(self, sender: str, request: Request, left: int) -> Message:
        """The answer of a spoke, which may ask others directly `left` times."""
        sealed = self.post.seal(
            sender,
            request.to,
            request.text,
            kind="request",
            intent="delegate" if sender == self.center else "ask",
        )
        await self.post.deliver(f"{request.to}?{sealed.id}", sealed)
        received = await self.post.receive(f"{request.to}?{sealed.id}")
        text = request.text if sender == self.center else DIRECT.format(sender=sender, text=request.text)
        asked = Task(text, conversation(self.goal) if text != self.goal.text else None, self.goal.data)
        said = await self.crew[request.to](asked)
        while left and (further := _direct(said, self.crew, request.to)) is not None:
            left -= 1
            answer = await self.ask(request.to, further, left)
            asked = Task("", conversation(asked).add(said, answer), self.goal.data)
            said = await self.crew[request.to](asked)
        await self.post.reply(received, said.text)
        return said


def _requesting(crew: Mapping[str, Actor]) -> Any:
    """The type of what a center may say: requests to spokes that there are, or an answer."""
    one = msgspec.defstruct("Request", [("to", one_of(crew)), ("text", str)])
    several: Any = tuple
    return msgspec.defstruct("Requests", [("requests", several[one, ...], ()), ("answer", str, "")])


def _read(said: Message, crew: Sequence[str] | Mapping[str, Actor]) -> Requests:
    """What a center's message asks for.

    Raises:
        ValueError: if that cannot be read, or asks somebody that there is not.
    """
    given = fields_in(said)
    if given is None or not {"requests", "answer"} & set(given):
        raise ValueError('this is neither {"requests": [...]} nor {"answer": "..."}')
    found = msgspec.convert(given, Requests)
    return replace(
        found, requests=tuple(replace(one, to=eligible_name(one.to, [*crew])) for one in found.requests)
    )


def _direct(said: Message, crew: Mapping[str, Actor], own: str) -> Request | None:
    """The request to another spoke that a message is, if it is one."""
    given = fields_in(said)
    if given is None or set(given) != {"to", "text"} or given["to"] not in crew or given["to"] == own:
        return None
    return Request(str(given["to"]), str(given["text"]))
