"""A real browser over the page: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

from tests.http import node
from tests.page.stage import TOKEN

FLAGS = (
    "--no-sandbox",  # as root, and in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE = {"viewport": {"width": 1200, "height": 800}}
LOOKS = {
    "light": WIDE,
    "dark": {**WIDE, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True},
}
"""Each view is looked at in these ways."""
GRAVE = ("serious", "critical")
"""Findings of axe-core that no view may have."""


@contextmanager
def chromium():
    """A browser; skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip(
            "there is no Chromium on this machine, so nobody looks at the page: apt-get install chromium"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser, url, *, look="light", let_in=True):
    """A window of a browser, which was let in; nothing may go wrong in it unseen."""
    context = browser.new_context(base_url=url, **LOOKS[look])
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    if let_in:
        come_in(page)
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def come_in(page):
    """Log in, as a person does."""
    page.goto("/login")
    page.get_by_label("Token or key").fill(TOKEN)
    page.get_by_role("button", name="Come in").click()
    page.wait_for_url("**/")


def grave(page):
    """What axe-core finds on a page that somebody could not use it for."""
    node.installed()
    page.evaluate((node.FOLDER / "node_modules/axe-core/axe.min.js").read_text())
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    return [
        (one["id"], [where["html"][:200] for where in one["nodes"]])
        for one in found
        if one["impact"] in GRAVE
    ]


def wider_than_the_window(page):
    """By how many pixels one has to scroll to the side."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
