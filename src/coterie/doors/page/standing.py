"""Standing agents: who there is, what each does now, what was said to it and what it replied, and saying more."""

from __future__ import annotations

from starlette.responses import Response

from coterie.doors.http.problems import there
from coterie.doors.letters import cropped
from coterie.doors.page.addresses import asked, to_agent, to_run
from coterie.doors.page.door import Visit, see
from coterie.doors.page.elements import Child, Html, el
from coterie.doors.page.layout import (
    badge,
    clock,
    empty,
    figures,
    headline,
    labelled,
    page,
    section,
    table,
)
from coterie.words.envelope import Priority
from coterie.words.standing import Doing, Letter, Said, Standing

LETTERS = 30
"""Messages on one page."""
STATES = {"queued": "waits", "refused": "failed"}
"""How states of messages look that no run has."""


async def standing_agents(visit: Visit) -> Html:
    """Who stands in this tenant, as a part of the view of all agents."""
    roster = visit.service.roster(visit.who.tenant)
    found = [kept.value for kept in await roster.agents()]
    rows: list[list[Child]] = []
    for one in found:
        doing = await roster.keeper.doing(one)
        rows.append(
            [
                el("a", one.name, href=to_agent(one.name)),
                _state(doing),
                cropped(one.description or one.instructions, 120) or "–",
                one.model or "as the service says",
                f"{doing.queued:,}",
                f"{doing.turns:,}",
            ]
        )
    nobody = empty("Nobody stands here. An administrator makes one with POST /v1/agents.")
    heads = ("Agent", "State", "About", "Model", "Messages that wait", "Turns")
    shown = table(heads, rows, caption="Standing agents") if rows else nobody
    return section("Standing agents", shown, id="standing")


def _state(doing: Doing) -> Child:
    mark = badge({"working": "running"}.get(doing.state, doing.state))
    return el("a", mark, href=to_run(doing.run)) if doing.run else mark


async def show_agent(visit: Visit) -> Html:
    """One standing agent: what it does now, and its conversation, the newest first."""
    one = await _agent(visit)
    keeper = visit.service.roster(visit.who.tenant).keeper
    doing = await keeper.doing(one)
    letters = await keeper.letters(one, visit.number("before"), LETTERS + 1)
    shown, rest = letters[:LETTERS], letters[LETTERS:]
    older = asked(before=shown[-1].number) if rest else ""
    return page(
        one.name,
        headline(one.name, _state(doing)),
        _about(one, doing),
        section("Say something", _say(one), id="say", swap=False) if visit.who.may("operator") else None,
        section("Conversation", *_conversation(shown), id="letters"),
        el("nav", el("a", "Older messages", href=older, rel="next"), class_="pages", aria_label="Pages")
        if older
        else None,
        who=visit.who,
        at="/agents",
        live="poll" if doing.state != "idle" else None,
    )


def _about(one: Standing, doing: Doing) -> Html:
    limits = ", ".join(f"{name} {cap:g}" for name, cap in one.limits.items() if isinstance(cap, int | float))
    return section(
        "What is written of it",
        figures(
            ("Model", one.model or "as the service says"),
            ("Tools", ", ".join(one.tools) or "none"),
            ("Turns", f"{doing.turns:,}"),
            ("Messages that wait", f"{doing.queued:,}"),
            ("Hears", ", ".join(one.topics) or "who writes to it"),
            ("Limits of a turn", limits or "those of the service"),
            ("Made", el("span", clock(one.created), f" by {one.by}" if one.by else None)),
        ),
        el("p", one.description) if one.description else None,
        el("pre", one.instructions, class_="said") if one.instructions else None,
        el("p", el("a", "What it remembers", href=f"/memory{asked(of=one.name)}")) if one.memory else None,
        id="about",
    )


def _say(one: Standing) -> Html:
    return el(
        "form",
        labelled("Message", el("textarea", name="text", rows=3, required=True, maxlength=100_000)),
        el("button", "Say it"),
        method="post",
        action=to_agent(one.name, "say"),
        class_="fields",
    )


def _conversation(letters: list[Letter]) -> list[Html]:
    if not letters:
        return [empty("Nobody has said anything to it yet.")]
    return [_letter(one) for one in letters]


def _letter(one: Letter) -> Html:
    said = f" on {one.topic}" if one.topic else ""
    reply = one.reply or (str(one.failure) if one.failure is not None else "")
    return el(
        "article",
        el("h3", f"{one.by or 'Somebody'}{said} ", badge(STATES.get(one.state, one.state))),
        el("pre", one.text, class_="said"),
        el("pre", reply, class_="said answer") if reply else None,
        el(
            "p",
            clock(one.time),
            *((" · ", el("a", "its run", href=to_run(one.run))) if one.run else ()),
            class_="quiet",
        ),
        class_="card",
    )


async def say(visit: Visit) -> Response:
    """Put a message into an agent's mailbox; it is durable when the browser looks on."""
    one = await _agent(visit)
    visit.permitted("call", one.name, sender=visit.who.name)
    said = Said(
        text=visit.fields.get("text", ""), priority=Priority.NORMAL, by=visit.who.name, role=visit.who.role
    )
    await visit.service.roster(visit.who.tenant).keeper.say(one, said)
    return see(to_agent(one.name))


async def _agent(visit: Visit) -> Standing:
    """The agent that the address names.

    Raises:
        Problem: 404, if there is none.
    """
    found = await visit.service.roster(visit.who.tenant).standing(visit.id)
    return there(found, f"no agent is called {visit.id!r}")
