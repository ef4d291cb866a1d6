"""A2A by gRPC: what the transport is asked for at the door. What teams answer by it is told with the other bindings."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress

import grpc
import grpc.aio
import pytest
from a2a.client.errors import A2AClientError
from a2a.types.a2a_pb2_grpc import A2AServiceStub
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from coterie.doors.a2a.door import a2a_routes
from coterie.doors.http.settings import Settings
from coterie.errors import BadInput
from tests.a2a.receiving import free_port
from tests.a2a.talking import client_of, said, sent, text_of
from tests.a2a.test_server import talked
from tests.http.serving import TOKEN, service_at

KEY = ("authorization", f"Bearer {TOKEN}")


def called(tmp_path, *calls, **settings):
    """What becomes of each of `calls`, metadata and a tenant: "done", or the code and the details of a refusal."""
    here = f"127.0.0.1:{free_port()}"

    async def one(stub, metadata, tenant):
        request = said("Go", now=True)
        request.tenant = tenant
        try:
            await stub.SendMessage(request, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details()
        return "done"

    async def talk(_, __):
        async with grpc.aio.insecure_channel(here) as channel:
            stub = A2AServiceStub(channel)
            return [await one(stub, *call) for call in calls]

    return talked(tmp_path, talk, settings=Settings(grpc=here, **settings))


def test_a_call_says_which_version_it_speaks(tmp_path):
    """1.0 and what is later of 1; 0.3, which it is if it says nothing, is not spoken by gRPC."""
    seen = called(
        tmp_path,
        *(((KEY, ("a2a-version", version)), "panel") for version in ("1.0", "1.7", "0.3", "2.0")),
        ((KEY,), "panel"),
    )
    assert seen[:2] == ["done", "done"]
    assert [code for code, _ in seen[2:]] == ["FAILED_PRECONDITION"] * 3
    assert [version in said for version, (_, said) in zip(("0.3", "2.0", "0.3"), seen[2:], strict=True)] == [
        True
    ] * 3


def test_a_call_says_who_asks(tmp_path):
    """In its metadata, before anything else is looked at."""
    wrong = (("authorization", "Bearer wrong"), ("a2a-version", "1.0"))
    seen = called(tmp_path, (wrong, "panel"), ((("a2a-version", "1.0"),), "panel"))
    assert [code for code, _ in seen] == ["UNAUTHENTICATED"] * 2


def test_who_calls_too_often_is_told_to_wait(tmp_path):
    """As over HTTP."""
    good = ((KEY, ("a2a-version", "1.0")), "panel")
    seen = called(tmp_path, good, good, good, rate=2)
    assert seen[:2] == ["done", "done"]
    assert seen[2][0] == "RESOURCE_EXHAUSTED"


def test_a_team_that_is_not_there_takes_nothing(tmp_path):
    """Nor one that is not published; the first that is stands for those who name none."""
    metadata = (KEY, ("a2a-version", "1.0"))
    names = ("panel", "nobody", "", "two")
    seen = called(tmp_path, *((metadata, name) for name in names), published=("person", "two"))
    assert [one if one == "done" else one[0] for one in seen] == ["NOT_FOUND", "NOT_FOUND", "done", "done"]


def test_a_call_says_which_trace_it_is_a_part_of(tmp_path):
    """As a request over HTTP does, and the run is in it."""
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    here = f"127.0.0.1:{free_port()}"

    async def talk(_, service):
        async with grpc.aio.insecure_channel(here) as channel:
            request = said("Go", now=True)
            request.tenant = "person"
            metadata = (KEY, ("a2a-version", "1.0"), ("traceparent", parent))
            task = (await A2AServiceStub(channel).SendMessage(request, metadata=metadata)).task
        return (await service.host("default").journal(task.id))[0].event.origin["traceparent"]

    assert talked(tmp_path, talk, settings=Settings(grpc=here)) == parent


def certificate(folder):
    """The files of a certificate for 127.0.0.1 and its key, and the certificate as its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return (str(folder / "cert.pem"), str(folder / "key.pem")), made.public_bytes(pem)


def test_with_a_certificate_calls_are_encrypted(tmp_path):
    """Who trusts it is answered; who speaks in the clear is not."""
    files, authority = certificate(tmp_path)
    secure = grpc.ssl_channel_credentials(authority)

    async def talk(base, _):
        def channel(address):
            return grpc.aio.secure_channel(address, secure)

        async with client_of(base, "panel", "GRPC", streaming=False, channel=channel) as client:
            answer = text_of((await sent(client, said("Rust?"))).task.artifacts[0])
        async with client_of(base, "panel", "GRPC", streaming=False) as client:
            with pytest.raises(A2AClientError, match="UNAVAILABLE"):
                await sent(client, said("Rust?"))
        return answer

    settings = Settings(grpc=f"127.0.0.1:{free_port()}", grpc_tls=files)
    assert talked(tmp_path, talk, settings=settings) == "judge has read 7"


@pytest.mark.parametrize("wrong", [{"grpc": "256.0.0.1:1"}, {"grpc_tls": ("/nothing", "/nothing")}])
def test_what_cannot_be_served_is_said_at_the_start(tmp_path, wrong):
    """An address that is none, a certificate that is not there."""
    settings = Settings(**{"grpc": f"127.0.0.1:{free_port()}", **wrong})

    async def starting():
        service = service_at(tmp_path, settings=settings)
        a2a_routes(service)
        async with service:
            pass

    with pytest.raises(BadInput, match="gRPC"):
        asyncio.run(starting())
