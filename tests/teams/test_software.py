"""The software team: programs that are run, repaired and held to the examples of their task."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie.errors import BadInput
from coterie.models import scripted
from coterie.teams import program
from coterie.teams.program import call_in, examples_in, run
from coterie.teams.software import build, design_of
from coterie.testing import crash_everywhere, rehearse

TASK = "The double of a number.\ndouble(2) == 4\ndouble(10) == 20"
RIGHT = "```python\ndef double(n):\n    return n * 2\n```"
WRONG = "```python\ndef double(n):\n    return n + 2\n```"
MAIN = "```python\nimport sys\nfrom double import double\nprint(double(int(sys.argv[1])))\n```"
NAMES = {"parameters": ["n"]}


def _script(backend: list[str], frontend: list[str]):
    return {"architect": [NAMES], "backend": backend, "frontend": frontend, "*": lambda _: WRONG}


@pytest.fixture
def sandboxed(monkeypatch: pytest.MonkeyPatch) -> dict[str, program.Ran]:
    """What came of each program, which is run in the sandbox when it is first asked for: the tool is idempotent."""
    real, ran = run.function, dict[str, program.Ran]()

    async def remembered(files: dict[str, str], arguments: list[str]) -> program.Ran:
        key = repr((sorted(files.items()), arguments))
        if key not in ran:
            ran[key] = await real(files, arguments)
        return ran[key]

    monkeypatch.setattr(run, "function", remembered)
    return ran


def test_a_program_is_written_run_and_left_in_the_folder(tmp_path: Path) -> None:
    """The function, a command line for it, and the tests that hold it to the examples."""
    result = build(tmp_path / "out").run_sync(TASK, model=scripted(_script([RIGHT], [MAIN])))
    assert result.status == "succeeded"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "double.py",
        "main.py",
        "test_examples.py",
    ]


def test_what_the_tests_say_is_what_the_repair_is_told(tmp_path: Path) -> None:
    """A function that fails an example comes back with the difference; so does a script that prints nothing."""
    silent = MAIN.replace("print(", "(")
    told: list[str] = []

    def watched(lines):
        def line(think):
            told.extend([think.thread[-1].text] if len(think.thread) > 1 else [])
            return lines.pop(0)

        return line

    script = {"architect": [NAMES], "backend": watched([WRONG, RIGHT]), "frontend": watched([silent, MAIN])}
    result = build(tmp_path / "out").run_sync(TASK, model=scripted(script))
    assert result.status == "succeeded"
    assert "double(10) gives 12, and has to give 20" in told[0]
    assert "`python main.py 2` prints '', and has to print '4'" in told[1]


@pytest.mark.usefixtures("sandboxed")
def test_p15_a_program_that_never_passes_is_unverified(tmp_path: Path) -> None:
    """It is written all the same, and the run says what its tests say."""
    result = build(tmp_path / "out").run_sync(TASK, model=scripted(_script([WRONG] * 9, [MAIN] * 9)))
    assert result.status == "unverified"
    assert "gives 12" in result.message.unverified


def test_it_survives_a_crash_anywhere(tmp_path: Path, sandboxed: dict[str, program.Ran]) -> None:
    """Cut after any event and resumed, it comes to the same and repeats no settled step."""
    script = {"architect": lambda _: NAMES, "backend": lambda _: RIGHT, "frontend": lambda _: MAIN}
    assert (
        crash_everywhere(build(tmp_path / "out"), TASK.rpartition("\n")[0], script=script).status
        == "succeeded"
    )
    assert len(sandboxed) >= 2


@pytest.mark.parametrize(
    ("task", "what"),
    [
        ("Write me a game.", "say by an example"),
        ("f(1) == 2\ng(1) == 2", "one function"),
        ("f(1) == 2\nf(1, 2) == 2", "one function"),
        ("f(x) == 2", "plain"),
        ("f(a=1) == 2", "plain"),
    ],
)
def test_a_task_without_examples_that_fit_is_refused(tmp_path: Path, task: str, what: str) -> None:
    """Before any model is asked, with what to write instead."""
    with pytest.raises(BadInput, match=what):
        rehearse(build(tmp_path / "out"), task, {})


def test_examples_say_what_is_to_be_written() -> None:
    """In lines or backticks, each once; the kinds of the arguments are those of the literals."""
    assert examples_in("Do it, as in `f(1) == 2` or\n- f('a b') == 'c'\nf(1) == 2") == [
        "f(1) == 2",
        "f('a b') == 'c'",
    ]
    assert call_in("f(1, 'x') == [2]") == ("f", ["1", "'x'"], "[2]")
    assert design_of("f(1, 'x') == 2\nf(1.5, '') == 3").kinds == ("float", "str")


def test_a_program_runs_in_a_sandbox() -> None:
    """Its memory is bounded, it cannot write beside its folder, and what it says is kept from the end."""
    hungry = _run({"a.py": "x = bytearray(2_000_000_000)"})
    assert (hungry.code != 0, "MemoryError" in hungry.said) == (True, True)
    assert _run({"a.py": "open('/etc/coterie', 'w')"}).code != 0
    assert len(_run({"a.py": "print('x' * 5000)"}).said) <= 1200


def _run(files: dict[str, str], script: str = "a.py") -> program.Ran:
    return asyncio.run(run.function(files, [script]))


def test_tests_are_made_of_examples() -> None:
    """They run with nothing but the standard library, and say which call gave what."""
    ran = _run(
        {"f.py": "def f(n):\n    return n", "test_x.py": program.tests_of("f", ["f(1) == 2"])}, "test_x.py"
    )
    assert (ran.code, "f(1) gives 1, and has to give 2" in ran.said) == (1, True)
