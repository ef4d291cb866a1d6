"""The pictures of the documentation: every view of the page as a PNG (`python -m tests.page.pictures`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from coterie.models import scripted
from tests.page.browser import LOOKS, chromium, window
from tests.page.stage import Held, furnish, says, standing
from tests.page.test_browser import begun, furnisher

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 150_000
"""Bytes that a picture has at most."""
TASK = "Should we build the mill at the river, or buy flour?"


def places(url):
    """Every view by the name of its picture."""
    run, desk, other = (begun(url, team, TASK) for team in ("workshop", "desk", "panel"))
    begun(url, "market", TASK)
    tabs = {tab: f"{run}?tab={tab}" for tab in ("rounds", "talk", "board", "budget", "events")}
    views = {"runs": "/", "run": run, "past": f"{run}?at=14", "question": desk, "approvals": "/approvals"}
    views |= {"teams": "/teams", "team": "/teams/workshop", "agents": "/agents", "usage": "/usage"}
    with furnisher(url) as client:
        furnish(client)
    views |= {"agent": "/agents/keeper", "memory": "/memory?text=flour"}
    views["schedules"] = "/schedules"
    return {**views, **tabs, "settings": "/settings", "diff": f"/diff?a={run[6:]}&b={other[6:]}"}


def pictures():
    """Take all of them: in light, and some in dark and on a phone."""
    IMAGES.mkdir(exist_ok=True)
    model = Held(scripted(says))
    model.released.set()
    with (
        tempfile.TemporaryDirectory() as folder,
        standing(Path(folder), model=model) as url,
        chromium() as browser,
    ):
        views = places(url)
        for look in LOOKS:
            with window(browser, url, look=look) as page:
                for name, place in views.items():
                    if look == "light" or name in ("run", "question", "runs"):
                        page.goto(place)
                        if "?tab=" in place and name != "events":
                            page.locator("#tabs").evaluate("one => one.scrollIntoView()")
                        taken = page.screenshot(path=IMAGES / f"page-{name}-{look}.png")
                        assert len(taken) < LARGEST, f"{name} in {look} has {len(taken):,} bytes"
        with window(browser, url, let_in=False) as page:
            page.goto("/login")
            page.screenshot(path=IMAGES / "page-login-light.png")


if __name__ == "__main__":
    pictures()
