"""Software: a small program from a sentence and examples, written into a folder and held to them by its own tests.

Architect, backend beside frontend, integrate, test. The examples of the task, like `slug("A b") == "a-b"`, say what the
function is called, what it takes, and when it is done: the tests are made of them. The architect names the
parameters; then the backend writes the function and the frontend a command line for it, at the same time. Both are
run, and repaired from what the runs say. Last the files are run again as they lie in the folder: the done-when.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from coterie.actor import do
from coterie.agent import Agent
from coterie.errors import BadInput
from coterie.patterns.cascade import cascade
from coterie.patterns.choose import decision, fields_in, fitted
from coterie.patterns.parallel import parallel
from coterie.patterns.pipeline import pipeline
from coterie.patterns.refine import refine
from coterie.team import Team
from coterie.teams.option import Option
from coterie.teams.output import read_text, writable, write_files
from coterie.teams.program import call_in, examples_in, problem_of, run, tests_of
from coterie.teams.source import code_in
from coterie.words.message import Message
from coterie.words.task import Task

ROUNDS = 3
"""Times that a part may be written."""
TESTS = ["-m", "unittest", "-q", "test_examples"]
"""How the tests are run."""


class Design(Struct, frozen=True):
    """What is to be written: the function, its parameters, what is asked of it, and its examples."""

    name: str
    parameters: tuple[str, ...]
    kinds: tuple[str, ...]
    asked: str
    examples: tuple[str, ...]

    @property
    def head(self) -> str:
        """The first line of the function."""
        given = ", ".join(f"{name}: {kind}" for name, kind in zip(self.parameters, self.kinds, strict=True))
        return f"def {self.name}({given}):"

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """What the module has to have."""
        return {self.name: self.parameters}


class Built(Struct, frozen=True):
    """A design, and the files that were written for it."""

    design: Design
    files: dict[str, str]


ARCHITECT = Agent(
    "architect", "You name the parameters of a Python function, in order.", settings={"max_tokens": 60}
)
CODE = "You write one Python function. Answer with one block of code: the imports that it needs, and the function."
BACKEND = Agent("backend", CODE, settings={"max_tokens": 300})
OTHERS = tuple(
    Agent(f"backend-{seed}", CODE, settings={"max_tokens": 300, "temperature": 0.7, "seed": seed})
    for seed in (2, 3, 4)
)
"""Who tries from the beginning, each otherwise, where repairs have led nowhere."""
FRONTEND = Agent(
    "frontend",
    "You write main.py, a script that calls a function with the arguments of the command line and prints what it "
    "gives. Answer with one block of code.\n"
    "Example for the function area in the module area; its arguments are name (str), width (float):\n"
    "```python\nimport sys\n\nfrom area import area\n\nprint(area(sys.argv[1], float(sys.argv[2])))\n```",
    settings={"max_tokens": 200},
)
OPTIONS = (
    Option(name="out", help="The folder that the program is written into.", kind="output", required=True),
)


async def _designed(task: Task) -> Message:
    """The play of the architect: names for the parameters, `first`, `second` where it has none that do."""
    known = design_of(task.text)
    several: Any = tuple
    kind = msgspec.defstruct("Names", [("parameters", several[(str,) * len(known.parameters)])], frozen=True)
    examples = "\n".join(known.examples)
    asked = Task(f"{known.asked}\nThe function is {known.name}. Examples:\n{examples}")
    made = await decision(fitted(ARCHITECT, kind), asked, partial(_named, known))
    design = msgspec.structs.replace(known, parameters=tuple(made.value or known.parameters))
    return Message(sender="architect", text=design.head, output=design)


def _named(known: Design, said: Message) -> tuple[str, ...]:
    """The names in an answer.

    Raises:
        ValueError: if they cannot be parameters.
    """
    names = msgspec.convert((fields_in(said) or {}).get("parameters", ()), tuple[str, ...])
    count = len(known.parameters)
    if len({*names, known.name}) != count + 1 or not all(name.isidentifier() for name in names):
        raise ValueError(f"{count} Python names are needed, none of them {known.name!r}, not {list(names)}")
    compile(f"def f({', '.join(names)}): pass", "names", "exec", ast.PyCF_ONLY_AST)  # no keyword among them
    return names


def design_of(task: str) -> Design:
    """What a task asks for, its parameters still without names.

    Raises:
        BadInput: if it has no example, or examples of several functions or numbers of arguments.
    """
    examples = examples_in(task)
    if not examples:
        raise BadInput('say by an example when it is done, as in: a slug of a title. slug("A b") == "a-b"')
    try:
        calls = [call_in(example) for example in examples]
    except ValueError as error:
        raise BadInput(f"the examples have to be plain: {error}") from error
    names, counts = {call[0] for call in calls}, {len(call[1]) for call in calls}
    if len(names) != 1 or counts == {0} or len(counts) != 1:
        raise BadInput(
            f"the examples are of one function with its arguments, not of {', '.join(sorted(names))}"
        )
    kinds = tuple(_kind([call[1][at] for call in calls]) for at in range(counts.pop()))
    stand_ins = ("first", "second", "third", "fourth", "fifth", "sixth")[: len(kinds)]
    if len(stand_ins) < len(kinds):
        raise BadInput(f"a function of at most {len(stand_ins)} arguments can be asked for")
    asked = (
        "\n".join(line for line in task.splitlines() if line.strip(" `-*;.") and not examples_in(line))
        or task
    )
    return Design(names.pop(), stand_ins, kinds, asked, tuple(examples))


def _kind(values: Sequence[str]) -> str:
    """The name of the type of all of some literals; `float` for whole and broken numbers."""
    kinds = {type(ast.literal_eval(value)).__name__ for value in values}
    return "float" if kinds == {"int", "float"} else kinds.pop() if len(kinds) == 1 else "object"


async def _backend(task: Task) -> Message:
    """The play of the backend: the function, run against the examples until it passes or the rounds are over."""
    design: Design = task.data

    async def passes(message: Message) -> str:
        code = code_in(message.text)
        if problem := problem_of(code, design.needs):
            return problem
        ran = await do(
            run,
            {f"{design.name}.py": code, "test_examples.py": tests_of(design.name, design.examples)},
            TESTS,
        )
        return "" if ran.code == 0 else f"the tests say:\n{_telling(ran.said)}"

    asked = f"{design.asked}\n\n{design.head}\n\nExamples:\n" + "\n".join(design.examples)
    first = refine(BACKEND, accept=passes, rounds=ROUNDS, name="function")
    return await cascade(first, *OTHERS, good_enough=passes, name="tries")(asked)


async def _frontend(task: Task) -> Message:
    """The play of the frontend: a script that parses; what it prints is looked at once there is a function."""
    design: Design = task.data
    return await FRONTEND(_command_line(design))


def _command_line(design: Design) -> str:
    call, given = design.examples[0], shlex.join(_arguments(design.examples[0]))
    kinds = ", ".join(f"{name} ({kind})" for name, kind in zip(design.parameters, design.kinds, strict=True))
    return (
        f"The function is {design.name} in the module {design.name}; its arguments are {kinds}.\n"
        f"Since {call}, `python main.py {given}` prints {_printed(design.examples[0])}"
    )


_both = parallel(
    Team("backend", [BACKEND, *OTHERS], _backend), Team("frontend", [FRONTEND], _frontend), name="both"
)


async def _built(task: Task) -> Message:
    """The play of building: backend and frontend at once, from the same design."""
    design: Design = task.data
    backend, frontend = (await _both(task)).parts
    files = {
        f"{design.name}.py": code_in(backend.text),
        "main.py": code_in(frontend.text),
        "test_examples.py": tests_of(design.name, design.examples),
    }
    return Message(sender="build", text=backend.unverified or "both are written", output=Built(design, files))


async def _integrated(task: Task) -> Message:
    """The play of integration: the script is run with the function, and repaired from what it says."""
    built: Built = task.data
    design = built.design

    async def prints(message: Message) -> str:
        return await _prints(design, {**built.files, "main.py": code_in(message.text)})

    async def written(again: Task) -> Message:
        if again.context is None:  # the first draft is there already
            return Message(sender="frontend", text=f"```python\n{built.files['main.py']}```")
        return await FRONTEND(again)

    author = Team("script", [FRONTEND], written)
    said = await refine(author, accept=prints, rounds=ROUNDS, name="joined")(_command_line(design))
    files = {**built.files, "main.py": code_in(said.text)}
    return Message(
        sender="integrate", text=said.unverified or "they work together", output=Built(design, files)
    )


async def _passes(folder: str, message: Message) -> str:
    """What is wrong with the program as it lies in the folder: what its tests say, and its command line."""
    built = msgspec.convert(message.output, Built)
    files = {name: await do(read_text, f"{folder}/{name}") for name in built.files}
    ran = await do(run, files, TESTS)
    wrong = [] if ran.code == 0 else [f"the tests say: {_telling(ran.said)}"]
    return "\n".join(filter(None, [*wrong, await _prints(built.design, files)]))


async def _prints(design: Design, files: dict[str, str]) -> str:
    """What is wrong with the command line: of every example, what it prints and what it should."""
    for example in design.examples:
        ran = await do(run, files, ["main.py", *_arguments(example)])
        if ran.said != _printed(example):
            called = shlex.join(["python", "main.py", *_arguments(example)])
            return f"`{called}` prints {_telling(ran.said)!r}, and has to print {_printed(example)!r}"
    return ""


def _arguments(example: str) -> list[str]:
    return [_shown(one) for one in call_in(example)[1]]


def _printed(example: str) -> str:
    return _shown(call_in(example)[2])


def _shown(literal: str) -> str:
    value = ast.literal_eval(literal)
    return value if isinstance(value, str) else str(value)


def _telling(said: str, most: int = 400) -> str:
    """The lines of an output that say what is wrong: its errors if it has any, else its end."""
    errors = [line for line in said.splitlines() if re.match(r"\w*(?:Error|Exception|Interrupt)\b", line)]
    return (
        "\n".join(dict.fromkeys(one.removeprefix("AssertionError: ") for one in errors))[:most]
        or said[-most:]
    )


def build(out: str | Path) -> Team:
    """A team that writes the function which the task describes, a command line for it, and its tests.

    Raises:
        BadInput: if `out` cannot be written to; when played, if the task has no example or they do not fit together.
    """
    target = writable(out)

    async def tested(task: Task) -> Message:
        built: Built = task.data
        paths = await do(write_files, target, built.files)
        example = shlex.join(["python", "main.py", *_arguments(built.design.examples[0])])
        text = f"{', '.join(Path(path).name for path in paths)} in {target}; try: {example}"
        return Message(sender="test", text=text, output=built)

    stages = [
        Team("architect", [ARCHITECT], _designed),
        Team("build", [_both], _built),
        Team("integrate", [FRONTEND], _integrated),
        Team("test", (), tested),
    ]
    return pipeline(*stages, name="software", done_when=partial(_passes, target))
