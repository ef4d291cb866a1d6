"""The document of the API, and whether the service is what it says."""

from __future__ import annotations

import asyncio
import sys

import pytest

from coterie.doors.http.api import table
from coterie.doors.http.openapi import document
from coterie.doors.http.settings import Settings
from tests.http.serving import TOKEN, served, service_at


def test_every_operation_is_described():
    """By a name of its own, with what it takes and gives, and with every problem that it may answer with."""
    described = document(table())
    operations = [one for path in described["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names) == len(table())
    assert all({"401", "422"} <= set(one["responses"]) for one in operations)


@pytest.mark.slow
def test_the_service_is_what_its_document_says(tmp_path):
    """Whatever schemathesis makes of the document: no 5xx, no answer, header or media type that is not declared."""

    async def performed():
        async with served(service_at(tmp_path, settings=Settings(rate=10**9, body=2**26))) as client:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "run",
                str(client.base_url.join("/openapi.json")),
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--max-examples", "6"),
                *("--exclude-path", "/v1/runs/{id}/wait"),
                # Streams without an end.
                *("--exclude-path", "/v1/topics/{name}/events"),
                *("--exclude-path", "/v1/boards/{board}/events"),
                # For JSON Schema 1.0 is an integer, and so are numbers of any size; for us neither is.
                *("--exclude-checks", "positive_data_acceptance"),
                *("--seed", "1"),
                *("--request-timeout", "10"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                cwd=tmp_path,
            )
            said, _ = await process.communicate()
            return process.returncode, said.decode()

    code, said = asyncio.run(performed())
    assert code == 0, said
