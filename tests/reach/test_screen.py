"""What may be reached where somebody else has named the address (P22)."""

from __future__ import annotations

import asyncio

import httpx
import httpx2
import pytest

from coterie import Remote
from coterie.errors import BadInput, OffLimits, RemoteFailed, ServiceFailed, ToolFailed
from coterie.reach import Screen, is_public
from coterie.reach.pinned import client
from coterie.reach.screen import place
from coterie.remote.cards import screened
from coterie.tools import mcp
from tests.reach.names import lead, nowhere, site, taken_for_public

ELSEWHERE = "127.0.0.99"
METADATA = {"169_254_169_254": ["169.254.169.254"]}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "::127.0.0.1", "192.0.2.1", "168.63.129.16",
        "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254",
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    """Loopback, private, link-local, shared, test, multicast and metadata addresses, also inside IPv6."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(address: str) -> None:
    """The internet is reachable."""
    assert is_public(address)


@pytest.mark.parametrize(
    ("private", "url", "address", "passes"),
    [
        ((), "http://a.example/", "1.1.1.1", True),
        ((), "http://a.example/", "10.0.0.1", False),
        (("a.example",), "http://a.example:99/", "10.0.0.1", True),
        (("a.example:80",), "http://a.example/", "10.0.0.1", True),
        (("a.example:80",), "http://a.example:81/", "10.0.0.1", False),
        (("*.example",), "http://A.EXAMPLE./", "127.0.0.1", True),
        (("b.example",), "http://a.example/", "127.0.0.1", False),
        (("10.0.0.0/8",), "http://a.example/", "10.9.9.9", True),
        (("10.0.0.0/8",), "http://a.example/", "192.168.0.1", False),
        (("a.example", "*"), "http://a.example/", "169.254.169.254", False),
        (("a.example", "*"), "http://a.example/", "fd00:ec2::254", False),
        (("a.example", "*"), "http://a.example/", "0.0.0.0", False),  # noqa: S104
        (("169.254.0.0/16",), "http://a.example/", "169.254.7.7", True),
        (("[::1]:80",), "http://[::1]/", "::1", True),
    ],
)  # fmt: skip
def test_what_is_allowed(monkeypatch, private, url, address, passes) -> None:
    """Hosts, with or without a port, and networks; link-local and metadata addresses only as what they are."""
    lead(monkeypatch, a_example=[address])
    screen, there = Screen(private), place(url)
    if passes:
        assert screen.address(there) == address
    else:
        with pytest.raises(OffLimits, match="which is no public address"):
            screen.address(there)


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "http://", "x", "http://u:p@a.example/", "http://a:99999/"]
)
def test_what_is_no_url_of_ours(url: str) -> None:
    """Other protocols, no host, ports that are none, and a user or a password in it."""
    with pytest.raises(BadInput):
        place(url)


def test_a_url_is_checked_before_it_is_kept(monkeypatch) -> None:
    """As one that somebody wants to be told at; a name that is nowhere is refused as well."""
    lead(monkeypatch, a_example=["10.0.0.1"])
    with pytest.raises(OffLimits, match=r"allow 'a.example:80' or '10.0.0.1' as private"):
        asyncio.run(Screen().check("http://a.example/"))
    asyncio.run(Screen(("a.example",)).check("http://a.example/"))


def test_a_url_whose_name_is_nowhere_is_refused(monkeypatch) -> None:
    """Nobody could be told anything there."""
    nowhere(monkeypatch)
    with pytest.raises(OffLimits, match=r"'gone\.example' is nowhere: no such name"):
        asyncio.run(Screen().check("http://gone.example/"))


def fetched(url: str, screen: Screen, kit=httpx, **options):
    async def get():
        async with client(screen, kit=kit, **options) as http:
            return await http.get(url)

    return asyncio.run(get())


@pytest.mark.parametrize("kit", [httpx, httpx2])
def test_the_address_that_passed_is_the_one_connected_to(monkeypatch, kit) -> None:
    """A name that leads elsewhere after the look-up is looked up once a request, and reached where it passed."""
    with site() as there:
        asked = lead(monkeypatch, rebind_example=["127.0.0.1", ELSEWHERE])
        taken_for_public(monkeypatch, "127.0.0.1")
        answer = fetched(f"http://rebind.example:{there.port}/x", Screen(), kit)
        assert (answer.text, asked, there.asked) == (
            f"rebind.example:{there.port}",
            ["rebind.example"],
            ["/x"],
        )


@pytest.mark.parametrize("kit", [httpx, httpx2])
def test_the_next_request_is_screened_again(monkeypatch, kit) -> None:
    """So a name that has become private in between is refused, though its connection stands."""

    async def twice(url: str) -> str:
        async with client(Screen(), kit=kit) as http:
            first = await http.get(url)
            with pytest.raises(OffLimits, match=ELSEWHERE):
                await http.get(url)
            return first.text

    with site() as there:
        lead(monkeypatch, rebind_example=["127.0.0.1", ELSEWHERE])
        taken_for_public(monkeypatch, "127.0.0.1")
        assert asyncio.run(twice(f"http://rebind.example:{there.port}/")) == f"rebind.example:{there.port}"
        assert there.asked == ["/"]


@pytest.mark.parametrize("kit", [httpx, httpx2])
def test_a_redirect_is_screened(monkeypatch, kit) -> None:
    """Where a client follows them at all."""
    with site() as there, site() as inside:
        taken_for_public(monkeypatch, "127.0.0.1")
        lead(monkeypatch, inside_example=[ELSEWHERE])
        url = f"http://127.0.0.1:{there.port}/to?http://inside.example:{inside.port}/secret"
        with pytest.raises(OffLimits, match=r"'inside\.example' is at"):
            fetched(url, Screen(), kit, follow_redirects=True)
        assert inside.asked == []


def test_no_proxy_of_the_environment_is_used(monkeypatch) -> None:
    """Behind one, the proxy would look the name up, and nobody would know where it leads."""
    with site() as there, site() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        url = f"http://127.0.0.1:{there.port}/"
        fetched(url, Screen().trusting(url))
        assert (len(there.asked), proxy.asked) == (1, [])


def test_a_name_that_is_nowhere_is_out_of_reach(monkeypatch) -> None:
    """As it is to any client: it may be there again later."""
    nowhere(monkeypatch)
    with pytest.raises(httpx.ConnectError, match="no such name"):
        fetched("http://gone.example/", Screen())


def test_where_a_card_may_send_one(monkeypatch) -> None:
    """To its own host, to public addresses, to what is allowed; never from https into the clear."""
    lead(monkeypatch, inside_example=["10.0.0.5"], out_example=["1.1.1.1"], **METADATA)
    card = "https://agents.example/card.json"

    def refused(url: str, *private: str) -> str:
        try:
            asyncio.run(screened(url, card, Screen(private)))
        except RemoteFailed as error:
            return error.message
        return ""

    assert refused("https://agents.example/rpc") == ""
    assert refused("https://out.example/rpc") == ""
    assert refused("grpc://inside.example") == ""
    assert "which is no public address" in refused("https://inside.example/rpc")
    assert refused("https://inside.example/rpc", "10.0.0.0/8") == ""
    assert "from https to http" in refused("http://out.example/rpc")
    assert "which is no public address" in refused("https://169.254.169.254/latest", "*")
    assert "a user or a password" in refused("https://a:b@out.example/rpc")


def test_a_remote_that_somebody_else_named_has_to_be_public() -> None:
    """Nothing is sent to it."""
    with site() as there:
        result = asyncio.run(Remote(f"http://127.0.0.1:{there.port}", trusted=False).run("Go"))
        assert (result.status, result.failure.kind, there.asked) == ("failed", "OffLimits", [])
        asyncio.run(Remote(f"http://127.0.0.1:{there.port}", trusted=False, private=["127.0.0.1"]).run("Go"))
        assert there.asked == ["/.well-known/agent-card.json"]


def test_a_remote_is_not_followed_inside(monkeypatch) -> None:
    """A peer that redirects us to something of our own network is not what its card should be."""
    with site() as peer, site() as inside:
        url = f"http://127.0.0.1:{peer.port}/to?http://127.0.0.1:{inside.port}/card.json"
        result = asyncio.run(Remote(url).run("Go"))
        assert (result.status, inside.asked) == ("failed", [])


def test_an_mcp_server_that_somebody_else_named_has_to_be_public() -> None:
    """A URL of yours may lead anywhere; a password in it is refused at once."""
    with site() as there:
        url = f"http://127.0.0.1:{there.port}/mcp"
        with (
            pytest.raises(ToolFailed, match="which is no public address"),
            mcp(url, trusted=False, connecting=0.5),
        ):
            pass
        assert there.asked == []
        with pytest.raises(ToolFailed), mcp(url, connecting=0.5):
            pass
        assert there.asked[0] == "/mcp"
    with pytest.raises(BadInput, match="a user or a password"):
        mcp("http://ada:secret@127.0.0.1/mcp")


def test_an_mcp_server_leads_nowhere_else() -> None:
    """A server that redirects us to another one of our network is not followed."""
    with site() as there, site() as inside:
        url = f"http://127.0.0.1:{there.port}/to?http://127.0.0.1:{inside.port}/mcp"
        with pytest.raises(ToolFailed), mcp(url, connecting=0.5):
            pass
        assert inside.asked == []


def test_keys_of_an_identity_provider_are_where_the_operator_wrote() -> None:
    """And not where that address redirects to."""
    from coterie.doors.http.jwt import keys_at

    with site() as there, site() as inside:
        with pytest.raises(ServiceFailed, match="307"):
            keys_at(f"http://127.0.0.1:{there.port}/to?http://127.0.0.1:{inside.port}/jwks")
        assert (len(there.asked), inside.asked) == (1, [])
