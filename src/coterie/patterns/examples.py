"""Examples: what a planner is shown before it is asked, and which words say nothing."""

from __future__ import annotations

from collections.abc import Sequence

ORDERED: tuple[tuple[Sequence[str], dict[str, list[str]]], ...] = (
    (
        ("s1: Find facts about volcanoes", "s2: Count the visitors", "s3: Write an essay"),
        {"s2": [], "s3": ["s1", "s2"]},
    ),
    (
        ("s1: Bake bread", "s2: Take a photo of it", "s3: Sell it"),
        {"s2": ["s1"], "s3": ["s1"]},
    ),
    (("s1: Draw the plan", "s2: Build the house", "s3: Paint the house"), {"s2": ["s1"], "s3": ["s2"]}),
)
"""Steps and what they need, said before the question."""
EXAMPLES = {
    "Write an essay about volcanoes.": ["Find facts about volcanoes", "Write the essay from the facts"],
    "Water the plants.": ["Water the plants"],
    "Bake bread, take a photo of it and mail the photo to Ann.": [
        "Bake bread",
        "Take a photo of the bread",
        "Mail the photo to Ann",
    ],
}
"""Tasks and their steps, said before the task: small models follow them better than rules."""
COMMON = frozenset(
    "a about all an and are as at be by can for from has have how if in into is it its new of on one or other our "
    "out so some that the their them then these they this those to up what when where which who with you your".split()
)
"""Words that say nothing of what a text is about."""
