"""The page in a real browser: a run from its form to its fork, and every view in every look."""

from __future__ import annotations

import httpx
import pytest

from coterie.models import scripted
from tests.page.browser import LOOKS, chromium, grave, wider_than_the_window, window
from tests.page.stage import TOKEN, Held, furnish, says, standing

TABS = ("story", "rounds", "talk", "board", "budget", "events")


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests of this file."""
    with chromium() as one:
        yield one


def furnisher(url):
    """Somebody who may do all, over the API."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)


def begun(url, team, task="Build a mill, or buy flour?"):
    """The place of a run that the API has begun, once it has ended or waits."""
    with furnisher(url) as client:
        id = client.post("/v1/runs", json={"team": team, "task": task}).json()["id"]
        client.get(f"/v1/runs/{id}/wait")
    return f"/runs/{id}"


def test_a_run_from_its_form_to_its_fork(tmp_path, browser):
    """Started, watched while its model speaks, decided, scrubbed back, forked, and compared: by hand."""
    model = Held(scripted(says))
    with standing(tmp_path, model=model) as url, window(browser, url) as page:
        page.get_by_role("link", name="Start a run").click()
        page.get_by_role("link", name="desk").first.click()
        page.get_by_label("Task").fill("Pay the miller")
        page.get_by_role("button", name="Start").click()
        page.wait_for_url("**/runs/*")
        run = page.url

        page.get_by_role("button", name="approve").wait_for()  # the question comes while one watches
        page.get_by_role("button", name="approve").click()
        page.locator("#speaking article", has_text="The bill").wait_for()  # said before it is in the journal
        model.released.set()
        page.locator("#outcome", has_text="and the ledger agrees.").wait_for()
        page.locator("#state", has_text="succeeded").wait_for()
        assert page.locator("#speaking article").count() == 0

        slider = page.get_by_label("Moment")
        last = int(slider.get_attribute("max"))
        slider.focus()
        page.keyboard.press("Home")
        page.locator("#moment", has_text=f"Event 0 of {last}").wait_for()
        page.locator("#state", has_text="running").wait_for()
        assert page.locator("#outcome").inner_text() == ""
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        page.locator("#moment", has_text=f"Event 2 of {last}").wait_for()
        page.keyboard.press("End")
        page.locator("#outcome", has_text="and the ledger agrees.").wait_for()
        assert page.url == run

        page.goto(f"{run}?at=3")
        page.get_by_text("Fork from event 3").click()
        page.get_by_label("Another task").fill("Pay the baker")
        page.get_by_role("button", name="Fork").click()
        page.get_by_role("heading", name="Pay the baker").wait_for()
        page.get_by_role("link", name="compare").click()
        page.get_by_role("heading", name="Two runs side by side").wait_for()
        assert page.get_by_role("cell", name="Pay the baker", exact=True).count() == 1


def test_what_waits_is_seen_without_asking(tmp_path, browser):
    """A run that is watched shows that somebody else has answered."""
    with standing(tmp_path) as url, window(browser, url) as one, window(browser, url) as other:
        run = begun(url, "desk")
        one.goto(run)
        other.goto("/approvals")
        other.get_by_role("button", name="deny").click()
        one.locator("#state", has_text="succeeded").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("look", LOOKS)
def test_every_view_can_be_used_by_everybody(tmp_path, browser, look):
    """axe-core finds nothing serious, and nothing is wider than the window: in light, in dark and on a phone."""
    with standing(tmp_path) as url, window(browser, url, look=look) as page:
        workshop, desk = begun(url, "workshop"), begun(url, "desk")
        with furnisher(url) as client:
            furnish(client)
        diff = f"/diff?a={workshop[6:]}&b={desk[6:]}"
        runs = (desk, f"{workshop}?at=9", *(f"{workshop}?tab={tab}" for tab in TABS))
        places = (
            "/",
            "/?status=stuck",
            "/approvals",
            "/teams",
            "/teams/workshop",
            "/agents",
            "/agents/keeper",
            "/schedules",
            "/memory",
            "/memory?of=keeper",
            "/usage",
            "/settings",
        )
        found = {}
        for place in (*places, *runs, diff, "/login"):
            page.goto(place)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            found[place] = (grave(page), wider_than_the_window(page))
        assert found == dict.fromkeys(found, ([], 0))


def test_everything_is_done_by_keyboard(tmp_path, browser):
    """In, past the places, through a run's moments, and a question answered, without a mouse."""
    with standing(tmp_path) as url, window(browser, url, let_in=False) as page:
        desk = begun(url, "desk")
        page.goto(f"/login?next={desk}")
        tabbed_to(page, "document.activeElement.name === 'token'")
        page.keyboard.type(TOKEN)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{url}{desk}")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        tabbed_to(page, "document.activeElement.type === 'range'")
        page.keyboard.press("ArrowLeft")
        page.locator(".moment.past").wait_for()
        page.keyboard.press("End")
        page.locator(".moment:not(.past)").wait_for()
        tabbed_to(page, "document.activeElement.textContent === 'approve'")
        page.keyboard.press("Enter")
        page.locator("#state", has_text="succeeded").wait_for()


def tabbed_to(page, there):
    """Press Tab until the focus is where it is wanted, and can be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(there):
            style = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(style) != "none"
            return
    raise AssertionError(f"no number of tabs leads there: {there}")


def test_the_page_is_whole_without_a_script(tmp_path, browser):
    """A run is read, moved through and answered with links and buttons alone."""
    with standing(tmp_path) as url:
        run = begun(url, "desk")
        context = browser.new_context(base_url=url, java_script_enabled=False)
        page = context.new_page()
        page.goto(run)
        page.get_by_label("Token or key").fill(TOKEN)
        page.get_by_role("button", name="Come in").click()
        page.get_by_role("button", name="deny").click()
        begun(url, "panel")  # by the time another run has ended, this one has
        page.goto(run)
        assert "succeeded" in page.locator("#state").inner_text()
        page.get_by_role("link", name="Events").click()
        page.locator(".events a").nth(2).click()
        assert "Event 2 of" in page.locator("#moment").inner_text()
        assert page.get_by_role("button", name="Go there").is_visible()
        context.close()


def test_a_schedule_is_paused_and_resumed_by_keyboard(tmp_path, browser):
    """Its buttons say whose they are, and what they did is seen where they stand."""
    with standing(tmp_path) as url, window(browser, url) as page:
        with furnisher(url) as client:
            furnish(client)
        page.goto("/schedules")
        for deed, state in (("Pause", "paused"), ("Resume", "running")):
            tabbed_to(page, f"document.activeElement.ariaLabel === '{deed}: ledger'")
            page.keyboard.press("Enter")
            page.locator("tr", has_text="What is new at the ledger?").get_by_text(
                state, exact=True
            ).wait_for()
