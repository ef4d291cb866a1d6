"""Questions that the shell itself has for a person, about a step; and which answers are answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeGuard

from msgspec.structs import replace

from coterie.errors import RunError
from coterie.kernel.replay import PERMISSION
from coterie.words.doubt import Doubt, in_doubt
from coterie.words.effect import Ask, Effect, Think, Use
from coterie.words.limits import parsed


def petition(why: str) -> Ask:
    """Whether a limit that refuses a step may be raised."""
    question = f"{why}. Raise it (say for example usd=2.5, or requests=50), or stop?"
    return Ask(question, "limit")


def leave(why: str) -> Ask:
    """Whether a step may be begun that a policy, or what it follows from, leaves to a person."""
    return Ask(f"{why}. May it be done?", PERMISSION, ("approve", "deny"))


async def put(
    asker: Callable[[str, Ask], Awaitable[Any]],
    path: str,
    waiting: Mapping[str, Ask],
    answer: Callable[[str, Any], None],
) -> None:
    """Put the question at `path` to a person, until it is answered."""
    problem = ""
    while (ask := waiting.get(path)) is not None:
        try:
            answer(path, await asker(path, replace(ask, question=problem + ask.question)))
        except RunError as error:
            problem = f"{error.message}\n"


def fitting(question: Ask, answer: Any, path: str) -> Any:
    """`answer`, if it is one to `question`.

    Raises:
        RunError: if it is none of the choices, or raises no limit where one is to be raised.
    """
    if question.choices and answer not in question.choices:
        raise RunError(f"{answer!r} is none of the choices {list(question.choices)}", path=path)
    if question.about == "limit" and answer != "stop":
        try:
            parsed(answer)
        except ValueError as error:
            raise RunError(f"{answer!r}: {error}. Say 'stop', or for example usd=2.5", path=path) from error
    return answer


def dubious(step: Effect[Any], rules: Mapping[str, Doubt]) -> TypeGuard[Use | Think]:
    """Whether only a person can say if a step that was under way when a run was interrupted is done again."""
    return isinstance(step, Use | Think) and in_doubt(step, rules) == "ask"


def doubtful(effect: Use | Think) -> Ask:
    """Whether a step is done again of which nobody knows whether it happened."""
    what = f"{effect.tool}({effect.arguments})" if isinstance(effect, Use) else f"A turn of {effect.actor!r}"
    question = (
        f"{what} was under way when the run was interrupted, and nobody can tell "
        "whether it happened. Do it again, or give it up?"
    )
    return Ask(question, "in_doubt", ("again", "give up"))
