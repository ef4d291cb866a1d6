"""A team in Python: a draft is improved until no critic finds a flaw."""

from __future__ import annotations

from coterie import Actor, Agent, Message, Task, Team, gather
from coterie.calls import each


def red_team(author: Actor, *critics: Actor, rounds: int = 3) -> Team:
    """Improve a draft until no critic finds a flaw, for at most `rounds` rounds."""

    async def play(task: Task) -> Message:
        draft = await author(task)
        for _ in range(rounds):
            notes = await gather(*(critic(draft) for critic in critics))
            flaws = [note.text for note in notes if note.text.strip().lower() != "none"]
            if not flaws:
                break
            draft = await author("\n".join([task.text, draft.text, *flaws]))
        return draft

    calls = [
        each(rounds + 1, author),
        each(rounds, *critics),
    ]  # so that `coterie check` knows what it may cost
    return Team("red-team", (author, *critics), play, settings={"rounds": rounds}, calls=calls)


team = red_team(
    Agent("author", "You write short announcements."),
    Agent("facts", "Name one claim in the text that is not supported. If there is none, say: none"),
    Agent("tone", "Name one sentence that is hard to read. If there is none, say: none"),
)
