"""Examples that need nothing run as they stand."""

import pytest

from examples import one_document


def test_two_agents_one_document(capsys):
    """Five ways to edit one notice at once, and both lines are in it each time."""
    one_document.main()
    said = capsys.readouterr().out
    assert said.count("cook: Soup at noon, on deck.") == said.count("mate: Reef early") == 5


@pytest.mark.weights
@pytest.mark.slow
def test_two_agents_one_document_on_the_embedded_model(capsys):
    """It asserts by itself that whatever is missing was decided on."""
    one_document.main("embedded")
    assert capsys.readouterr().out.count("Regatta on Sunday.") == 5
