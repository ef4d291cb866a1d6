"""The views of the page as a browser without a script gets them."""

from __future__ import annotations

import re
from html import escape

import httpx
import pytest

from coterie.doors.http.keys import KeyRing
from tests.page.stage import TOKEN, furnish, standing

CANARY = "<img src=x onerror=\"alert('1')\"><script>alert(2)</script>"
TEAMS = f'''
from coterie import Ask

CANARY = {CANARY!r}

@tool
def canary(text: str) -> dict:
    """Gives it back."""
    return {{CANARY: [text, CANARY]}}

bird = Agent("bird", tools=[canary])

async def _cage(task):
    await Put(CANARY, {{CANARY: CANARY}})
    await Put(CANARY, CANARY)
    await (await Post.open()).send(CANARY, "bird", CANARY)
    await Ask(CANARY, CANARY, (CANARY, "no"), CANARY)
    return await bird(task)

cage = Team("cage", (bird,), _cage)
'''
TABS = ("story", "rounds", "talk", "board", "budget", "events")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A service, and a browser that was let in."""
    folder = tmp_path_factory.mktemp("page")
    with standing(folder) as url, browser(url) as client:
        let_in(client)
        yield client


def browser(url):
    """Something that asks as browsers do."""
    headers = {"accept": "text/html", "origin": url}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=20)


def let_in(client, token=TOKEN):
    """Log in, and give the answer."""
    return client.post("/login", data={"token": token, "next": "/teams"})


def started(client, team, task="Rust?", **fields):
    """The address of a run that the form of a team has started, once it has ended or waits."""
    answer = client.post(f"/teams/{team}/start", data={"task": task, **fields})
    assert answer.status_code == 303, answer.text
    place = answer.headers["location"]
    client.get(f"/v1{place}/wait")
    return place


def text_of(answer):
    """What a person reads of an answer."""
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_who_is_not_known_is_asked(tmp_path):
    """A browser is sent to the entrance and back to where it wanted to go; a program gets a problem."""
    with standing(tmp_path) as url, browser(url) as client:
        sent = client.get("/teams?x=1")
        assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2Fteams%3Fx%3D1")
        assert client.get("/teams", headers={"accept": "application/json"}).status_code == 401
        assert 'value="/teams?x=1"' in client.get(sent.headers["location"]).text
        assert let_in(client, "wrong").status_code == 403
        assert client.cookies.get("coterie") is None
        came = let_in(client)
        assert (came.status_code, came.headers["location"]) == (303, "/teams")
        assert {"HttpOnly", "SameSite=strict"} <= set(came.headers["set-cookie"].split("; "))
        assert client.get("/").status_code == 200
        assert client.post("/logout").headers["location"] == "/login"
        assert client.get("/").status_code == 303


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/\\evil.example", "/a\r\nb: c", ""]
)
def test_nobody_is_sent_elsewhere(stage, place):
    """After coming in, only to a place of ours."""
    answer = stage.post("/login", data={"token": TOKEN, "next": place})
    assert answer.headers["location"] == "/"


def test_a_form_of_another_page_changes_nothing(stage):
    """Without our origin a cookie opens nothing that changes something."""
    for origin in ("https://evil.example", "null"):
        answer = stage.post("/teams/panel/start", data={"task": "x"}, headers={"origin": origin})
        assert answer.status_code == 403


def test_a_run_is_started_and_read(stage):
    """Its frames, what was said, and what it came to."""
    seen = text_of(stage.get(started(stage, "panel", "Rust or Go?")))
    assert "Rust or Go?" in seen
    assert "✓ panel" in seen
    assert "hope has read 1 messages" in seen
    assert "Model calls 7" in seen


def test_any_moment_can_be_seen(stage):
    """As it stood after that event; one that is not there is an error."""
    run = started(stage, "panel")
    early, late = stage.get(f"{run}?at=4"), stage.get(run)
    assert "Event 4 of" in text_of(early)
    assert ("Outcome" in early.text, "Outcome" in late.text) == (False, True)
    assert "running" in text_of(early)
    assert stage.get(f"{run}?at=9999").status_code == 404
    assert stage.get(f"{run}?at=x").status_code == 422


def test_a_question_is_answered_in_place(stage):
    """From the inbox or the run; then the run goes on, and what the tool was given and gave is shown."""
    run = started(stage, "desk")
    inbox = stage.get("/approvals").text
    place = re.search(r'action="(/approvals/[^"]+)"', inbox[: inbox.index(run)][-3000:] + inbox).group(1)
    answer = stage.post(place, data={"value": "approve", "then": run})
    assert answer.headers["location"] == run
    stage.get(f"/v1{run}/wait")
    seen = text_of(stage.get(run))
    assert "The bill is settled" in seen
    assert "paid 12.5 to Ada &lt;ada@example.org&gt;" in seen
    assert stage.post(place, data={"value": "approve"}).status_code == 409


def test_the_question_of_a_paused_run_is_listed_and_waits_for_its_resume(stage):
    """In the inbox and on the run, with a button that resumes it instead of those that answer."""
    run = started(stage, "desk")
    stage.post(f"{run}/pause")
    for place in ("/approvals", run):
        seen = stage.get(place).text
        assert "The run is paused" in seen
        assert f'action="{run}/resume"' in seen
    stage.post(f"{run}/resume")
    stage.get(f"/v1{run}/wait")
    seen = stage.get(run).text
    assert ("The run is paused" in seen, 'action="/approvals/' in seen) == (False, True)


def test_rounds_votes_and_the_board_are_shown(stage):
    """Side by side, with counts; every version of an entry."""
    run = started(stage, "workshop")
    rounds = text_of(stage.get(f"{run}?tab=rounds"))
    assert "Rounds of workshop/panel" in rounds
    assert "Votes in workshop/council" in rounds
    assert "ada build 80% ada has built one before" in rounds
    board = text_of(stage.get(f"{run}?tab=board"))
    assert "version 2" in board
    assert "2 versions" in board
    assert "panel → hope 3" in text_of(stage.get(f"{run}?tab=talk"))
    assert "Model calls 10 100,000 100%" in text_of(stage.get(f"{run}?tab=budget"))


def test_bids_are_shown(stage):
    """With what each bidder offers."""
    seen = text_of(stage.get(f"{started(stage, 'market')}?tab=rounds"))
    assert "yes 0.90 0.2 20 s near by" in seen


def test_a_run_is_forked_from_a_moment(stage):
    """With another task; it says where it comes from."""
    run = started(stage, "panel", "Rust?")
    answer = stage.post(f"{run}/fork", data={"at": "1", "task": "Go?"})
    fork = answer.headers["location"]
    stage.get(f"/v1{fork}/wait")
    seen = stage.get(fork)
    assert "Go?" in text_of(seen)
    assert f'href="{run}?at=1"' in seen.text


def test_a_run_is_cancelled_and_resumed(stage):
    """As the forms say."""
    run = started(stage, "desk")
    assert stage.post(f"{run}/cancel", data={"reason": "enough"}).headers["location"] == run
    assert "cancelled" in text_of(stage.get(run))
    assert stage.post(f"{run}/resume", data={"limit.requests": "50"}).headers["location"] == run
    stage.get(f"/v1{run}/wait")
    assert "waiting" in text_of(stage.get(run))


def test_two_runs_are_compared(stage):
    """Side by side, from where they part; two of the same task come to the same."""
    one, other, desk = started(stage, "panel"), started(stage, "panel"), started(stage, "council")
    a, b, c = (run.removeprefix("/runs/") for run in (one, other, desk))
    assert "They came to the same" in text_of(stage.get("/diff", params={"a": a, "b": b}))
    seen = text_of(stage.get("/diff", params={"a": a, "b": c}))
    assert "They came to something else" in seen
    assert "panel/hope/think.1 only here event" in seen
    assert "Compare two runs" in text_of(stage.get("/diff"))
    assert stage.get("/diff?a=none&b=none").status_code == 404


def test_usage_is_added_up(stage):
    """By day, team and agent."""
    started(stage, "panel")
    seen = text_of(stage.get("/usage"))
    assert all(title in seen for title in ("By day", "By team", "By agent"))
    assert re.search(r"hope \d+ 0 \d+", seen)


def test_usage_of_all_tenants_is_for_the_token_of_this_machine(tmp_path):
    """Who has it sees each tenant; an administrator of one sees none but their own, on the page and over the API."""
    with standing(tmp_path) as url, browser(url) as local:
        let_in(local)
        started(local, "panel")
        ring = KeyRing(tmp_path / "keys.db")
        secret, _ = ring.make("ada", tenant="acme", role="admin")
        with browser(url) as other:
            let_in(other, secret)
            started(other, "panel")
            theirs, asked = other.get("/usage").text, other.get("/v1/usage", params={"by": "tenant"}).json()
        ours, told = local.get("/usage").text, local.get("/v1/usage", params={"by": "tenant"}).json()
    assert ("By tenant" in theirs, "By tenant" in ours) == (False, True)
    assert ([one["name"] for one in asked], sorted(one["name"] for one in told)) == (
        ["acme"],
        ["acme", "default"],
    )
    assert re.search(r"acme \d+ 0 \d+", " ".join(re.sub(r"<[^>]+>", " ", ours).split()))


def test_a_standing_agent_is_seen_and_told_something(stage):
    """It is listed with what it does; its conversation has what was said, the reply and the run; more can be said."""
    furnish(stage)
    assert "keeper" in text_of(stage.get("/agents"))
    seen = text_of(stage.get("/agents/keeper"))
    assert "Answer from the ledger" in seen
    assert "What did the wheel cost?" in seen
    assert "keeper has read" in seen
    assert seen.index("Who has paid?") < seen.index("What did the wheel cost?")
    told = stage.post("/agents/keeper/say", data={"text": "And the flour?"})
    assert (told.status_code, told.headers["location"]) == (303, "/agents/keeper")
    assert stage.get("/v1/agents/keeper/messages/2", params={"wait": 10}).json()["state"] == "succeeded"
    assert "And the flour?" in text_of(stage.get("/agents/keeper"))
    assert [stage.get("/agents/nobody").status_code, stage.post("/agents/nobody/say").status_code] == [
        404,
        404,
    ]
    assert "What it remembers" in seen
    assert stage.get("/memory?of=nobody").status_code == 404
    shared = stage.get("/memory?of=keeper").text
    assert ("The mill stands" in shared, "Forget mill" in shared) == (True, False)
    assert "Nothing that is remembered fits" in text_of(stage.get("/memory?of=keeper&tags=none"))


def test_memory_is_searched_and_forgotten(stage):
    """By words and tags, with where it came from; what is one's own is forgotten with a button, once."""
    furnish(stage)
    assert "The mill stands" in text_of(stage.get("/memory"))
    found = text_of(stage.get("/memory", params={"text": "flour"}))
    assert found.index("Flour is bought") < found.find("The mill stands") or "The mill stands" not in found
    assert "from ledger.csv" in found
    tagged = text_of(stage.get("/memory", params={"tags": "river"}))
    assert ("The mill stands" in tagged, "Flour is bought" in tagged) == (True, False)
    assert stage.post("/memory/forget", data={"key": "mill"}).headers["location"] == "/memory"
    assert stage.post("/memory/forget", data={"key": "mill"}).status_code == 404
    assert stage.post("/memory/forget").status_code == 404
    assert "The mill stands" not in text_of(stage.get("/memory"))


def test_memory_of_others_is_read_and_not_forgotten(tmp_path):
    """What is shared is there without a button; a viewer forgets nothing; an agent's memory is an admin's to forget."""
    with standing(tmp_path) as url, browser(url) as admin:
        let_in(admin)
        furnish(admin)
        assert '<button class="danger"' in admin.get("/memory").text
        ring = KeyRing(tmp_path / "keys.db")
        for role, answer in (("viewer", 403), ("operator", 404)):
            with browser(url) as other:
                let_in(other, ring.make(f"a-{role}", role=role)[0])
                seen = other.get("/memory").text
                assert ("The mill stands" in seen, "Forget mill" in seen) == (True, False)
                assert other.post("/memory/forget", data={"key": "mill"}).status_code == answer
                assert other.post("/memory/forget", data={"key": "x", "of": "keeper"}).status_code == 403
                assert ("Say it" in other.get("/agents/keeper").text) is (role == "operator")


def test_keys_are_made_rotated_and_revoked(stage):
    """Shown once; what was revoked opens nothing."""
    made = stage.post("/keys", data={"name": "bob", "role": "viewer", "days": "3"})
    secret = re.search(r"ck_[\w-]+", made.text).group()
    assert made.status_code == 201
    assert secret not in stage.get("/settings").text
    id = secret.split("_")[1]
    assert re.search(r"ck_[\w-]+", stage.post(f"/keys/{id}/rotate").text).group() != secret
    assert stage.post(f"/keys/{id}/revoke").headers["location"] == "/settings"
    assert stage.post(f"/keys/{id}/revoke").status_code == 404
    assert stage.post("/keys", data={"name": "bob", "role": "king"}).status_code == 422
    with browser(str(stage.base_url)) as other:
        assert let_in(other, secret).status_code == 403


def test_a_run_is_paused_and_resumed(stage):
    """It begins nothing new until it is resumed."""
    run = started(stage, "desk")
    assert stage.post(f"{run}/pause").headers["location"] == run
    assert f'action="{run}/resume"' in stage.get(run).text
    assert "paused" in text_of(stage.get(run))
    assert stage.post(f"{run}/resume").headers["location"] == run
    stage.get(f"/v1{run}/wait")
    assert "waiting" in text_of(stage.get(run))


def test_runs_are_filtered(stage):
    """By state, team and text."""
    started(stage, "panel", "a needle")
    assert "a needle" in text_of(stage.get("/?text=NEEDLE&team=panel&status=succeeded"))
    assert "No run fits" in text_of(stage.get("/?text=needle&status=failed"))


def test_teams_and_agents_are_shown(stage):
    """With their pictures."""
    assert "at most 7 model calls" in text_of(stage.get("/teams"))
    assert "clerk" in text_of(stage.get("/agents"))
    picture = stage.get("/teams/panel/graph.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]


@pytest.mark.parametrize("field", [{"limit.usd": "-1"}, {"limit.usd": "much"}, {"limit.tokens": "nan"}])
def test_limits_that_are_none_are_refused(stage, field):
    """With what is wrong."""
    answer = stage.post("/teams/panel/start", data={"task": "x", **field})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    "path", ["/nothing", "/runs/none", "/teams/none", "/static/none", "/static/..%2fdoor.py"]
)
def test_what_is_not_there_is_said_to_people(stage, path):
    """As a page, with a way back."""
    answer = stage.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html") or path.startswith("/static")


def test_who_may_only_read_changes_nothing(tmp_path):
    """A viewer sees no form, and is refused what an operator may."""
    with standing(tmp_path) as url, browser(url) as admin:
        let_in(admin)
        key = admin.post("/v1/keys", json={"name": "eve", "role": "viewer"}).json()["key"]
        run = started(admin, "desk")
        with browser(url) as viewer:
            let_in(viewer, key)
            assert (
                "<button"
                not in viewer.get("/teams/desk").text.replace('class="plain"', "").partition("<main")[2]
            )
            assert "You may read this" in viewer.get(run).text
            assert "for administrators" in viewer.get("/settings").text
            for place in ("/keys", "/teams/desk/start", f"{run}/cancel", f"{run}/fork", "/approvals/x"):
                assert viewer.post(place, data={"task": "x"}).status_code == 403


def test_no_text_of_a_run_becomes_markup(tmp_path):
    """Task, board, talk, question, tool, answer: every view shows what was said, and nothing of it is markup."""
    from coterie.models import scripted
    from coterie.words.message import ToolCall

    def says(think):
        return (
            CANARY
            if think.thread and list(think.thread)[-1].answers
            else ToolCall("1", "canary", {"text": CANARY})
        )

    seen = []
    with (
        standing(tmp_path, teams=TEAMS, names=("cage",), model=scripted(says)) as url,
        browser(url) as client,
    ):
        let_in(client)
        run = started(client, "cage", CANARY)
        seen += [client.get(place).text for place in (run, "/approvals", "/", "/teams/cage")]
        place = re.search(r'action="(/approvals/[^"]+)"', client.get(run).text).group(1)
        seen += [client.post(place, data={"value": "<script>"}).text]
        client.post(place, data={"value": CANARY})
        client.get(f"/v1{run}/wait")
        seen += [client.get(f"{run}?tab={tab}").text for tab in TABS]
        seen += [client.get(f"/?text={CANARY}").text, client.get(f"/login?next={CANARY}").text]
        kept = {"text": CANARY, "tags": [CANARY], "source": CANARY, "key": CANARY}
        assert client.post("/v1/memory", json=kept).status_code == 201
        agent = {"name": "eve", "description": CANARY, "instructions": CANARY}
        assert client.post("/v1/agents", json=agent).status_code == 201
        client.post("/agents/eve/say", data={"text": CANARY})
        seen += [
            client.get(place).text
            for place in ("/memory", "/agents", "/agents/eve", f"/memory?text={CANARY}")
        ]
        seen += [client.get(f"{run}?frame={CANARY}").text, client.get(f"/{CANARY}").text]
        seen += [client.get("/diff", params={"a": run[6:], "b": run[6:]}).text, client.get("/usage").text]
        seen += [client.get("/diff", params={"a": CANARY}).text]
        seen += [client.post("/keys", data={"name": CANARY, "role": "viewer"}).text]
    whole = "\n".join(seen)
    assert "<img src=x" not in whole
    assert "<script>" not in whole
    assert whole.count(escape(CANARY)) > 12


def test_pages_keep_to_their_policy(stage):
    """No script or style within a document, no address of another host, and referrers stay here."""
    run = started(stage, "workshop")
    for path in (
        "/",
        "/teams",
        "/teams/workshop",
        "/approvals",
        "/agents",
        "/memory",
        *(f"{run}?tab={tab}" for tab in TABS),
    ):
        answer = stage.get(path)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert not re.search(
            r"<style|\sstyle=|\son\w+=|<script(?! src=\"/static/)|https?://(?!www\.w3\.org)", answer.text
        )


def test_schedules_are_seen_paused_and_begun_at_once(stage):
    """When each is due; a button pauses one, another begins it now; what is not there is a 404 that says so."""
    schedule = {"name": "nightly", "cron": "0 3 * * *", "team": "panel", "task": CANARY}
    assert stage.post("/v1/schedules", json=schedule).status_code == 201
    seen = stage.get("/schedules")
    assert "nightly running" in text_of(seen)
    assert escape(CANARY[:20]) in seen.text
    assert 'aria-label="Pause: nightly"' in seen.text
    assert stage.post("/schedules/nightly/pause").headers["location"] == "/schedules"
    seen = stage.get("/schedules")
    assert "nightly paused –" in text_of(seen)
    assert stage.post("/schedules/nightly/resume").headers["location"] == "/schedules"
    run = stage.post("/schedules/nightly/run").headers["location"]
    stage.get(f"/v1{run}/wait")
    assert "succeeded" in text_of(stage.get(run))
    missing = stage.post("/schedules/nobody/pause")
    assert (missing.status_code, "there is no schedule" in missing.text) == (404, True)
    assert stage.delete("/v1/schedules/nightly", headers={"if-match": "*"}).status_code == 204
