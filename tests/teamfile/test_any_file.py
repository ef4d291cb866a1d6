import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.teamfile import BadFile
from coterie.teamfile.document import Document, Files
from coterie.teamfile.forms import pattern_forms
from coterie.teamfile.problems import BAD
from coterie.teamfile.source import parsed, plain

WORDS = ["a", "b", "yes", "3", "0.5", "-", ":", ": ", "\n", "\n  ", "{", "}", "[", "]", ", ", "&x ", "*x", "!!str ", "'", '"', "#", "|\n", "---\n", "\t", "é", "\x00"]  # fmt: skip
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from(["a", "b", "c", "agreed", "majority", "x.yaml", "m:f"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["actor", "python", "use", "agent", "quorum", "contains", "steps", "name", "limits", "weighted", "type"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def problems(read):
    """What is said to be wrong, where anything is; any other error is the test's."""
    try:
        read()
    except BadFile as error:
        return error.problems
    return ()


BYTES = st.binary(max_size=200)
LINES = st.lists(st.sampled_from(WORDS), max_size=30).map(lambda words: "".join(words).encode())


@given(BYTES | LINES)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_value_or_a_problem(body):
    """Whatever is in a file, it is read, or refused with a message that names the file."""
    found = problems(lambda: plain(parsed(body, "f.yaml")))
    assert all(str(problem).startswith("f.yaml") for problem in found)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_any_options_are_a_team_or_problems(tmp_path_factory, data):
    """Whatever is said of a pattern, it is built, or everything that is wrong is said with its line."""
    name = data.draw(st.sampled_from(sorted(pattern_forms())))
    keys = data.draw(st.sets(st.sampled_from([*pattern_forms()[name].others, "limits", "done_when"])))
    said = {key: data.draw(PLAIN, label=key) for key in [name, *sorted(keys)]}
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(msgspec.json.encode({"agents": {one: one for one in "abc"}, "team": said}))
    files = Files(live=False)
    document = files.open(path, "any.yaml")
    actor = document.actor()
    found = problems(files.settle)
    assert (actor is BAD) == bool(found)
    assert all(problem.line == 1 for problem in found if problem.file == "any.yaml")


@given(PLAIN)
def test_what_is_json_is_read_as_it_is(value):
    """JSON is YAML 1.2: what it says is what is read."""
    if value is not None:
        assert plain(parsed(msgspec.json.encode(value), "f.yaml")) == value


def test_documents_are_read_once(tmp_path):
    """A file that is used twice is one document, and its members are the same objects."""
    path = tmp_path / "one.yaml"
    path.write_text("agents: {a: x}\n")
    files = Files(live=False)
    first, again = files.open(path, "one.yaml"), files.open(path, "one.yaml")
    assert isinstance(first, Document)
    assert first is again
