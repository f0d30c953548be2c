"""Bad input at the door: a clear 4xx that names the field, nothing stored, nothing given back as it came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from crm.database import Database
from tests.integration.http_spine import OPERATOR, SUBMISSION

FIELDS = ["name", "email", "subject", "category", "priority", "message"]
HTML = '<img src=x onerror="alert(1)">'
SQL = "'); DELETE FROM messages; --"


async def stored(database: Database) -> int:
    async with database.connection() as connection:
        tables = ("messages", "conversations", "tickets", "customers", "customer_identifiers", "work", "events")
        return sum([await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables])


async def post(
    client: httpx.AsyncClient, body: bytes | str, content_type: str | None = "application/json"
) -> httpx.Response:
    headers = {"Content-Type": content_type} if content_type else {}
    return await client.post("/support/submit", content=body, headers=headers)


@pytest.mark.parametrize("field", FIELDS)
async def test_bad_field_is_named(client: httpx.AsyncClient, database: Database, field: str) -> None:
    for value in (None, 1, True, ["x"], {"x": 1}, "", "a\x00b", "x" * 20_000, "\u200b", float("nan")):
        response = await post(client, json.dumps({**SUBMISSION, field: value}))
        assert response.status_code == 422, value
        (problem,) = response.json()["detail"]
        assert problem["field"] == field
        assert problem["problem"]
        assert "xxx" not in response.text
    assert await stored(database) == 0


async def test_missing_fields_are_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", json={})
    assert response.status_code == 422
    assert response.json()["detail"] == [
        {"field": field, "problem": "is required"} for field in ("name", "email", "subject", "message")
    ]


async def test_markup_and_sql_do_not_fit_closed_fields(client: httpx.AsyncClient) -> None:
    for field in ("category", "priority", "email"):
        for value in (HTML, SQL):
            response = await client.post("/support/submit", json={**SUBMISSION, field: value})
            assert response.status_code == 422
            assert value not in response.text


@pytest.mark.parametrize("value", [HTML, SQL, "{{7*7}}", "\\x00", "%s%n", "$(id)", "😀" * 40])
async def test_markup_and_sql_in_texts_are_kept_as_words(
    client: httpx.AsyncClient, database: Database, value: str
) -> None:
    response = await client.post(
        "/support/submit", json={**SUBMISSION, "name": value, "subject": value, "message": value}
    )
    answer = response.json()
    assert response.status_code == 201
    path = f"/support/ticket/{answer['ticket_id']}"
    view = await client.get(path, headers={"Authorization": f"Bearer {answer['access_token']}"})
    assert view.headers["content-type"] == "application/json"
    assert view.json()["messages"][0]["body"] == value
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT name FROM customers") == value
        assert await connection.fetchval("SELECT count(*) FROM messages") == 1


async def test_unknown_fields_are_named_and_cut(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", json={**SUBMISSION, "is_admin": True, "y" * 900: 1})
    assert response.status_code == 422
    fields = [problem["field"] for problem in response.json()["detail"]]
    assert fields == ["is_admin", "y" * 64]


async def test_many_problems_are_not_all_told(client: httpx.AsyncClient) -> None:
    response = await client.post("/support/submit", json={**SUBMISSION, **{f"f{n}": n for n in range(500)}})
    assert response.status_code == 422
    assert len(response.json()["detail"]) == 20


MALFORMED = [
    b"",
    b"not json",
    b"{",
    b"\xff\xfe{\x00",
    b'{"name": "\xff"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\\ud800"}',
    b'{"name": "\\udc00 x"}',
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"\xef\xbb\xbf{}",
    b'{"name": "a"} trailing',
    b'{"name": "a\nb"}',
]


async def test_what_is_no_json_in_utf8_is_malformed(client: httpx.AsyncClient, database: Database) -> None:
    for body in MALFORMED:
        response = await post(client, body)
        assert response.status_code == 400, body[:20]
        assert "JSON" in response.json()["detail"]
    assert await stored(database) == 0


async def test_json_that_is_no_object_is_refused(client: httpx.AsyncClient) -> None:
    for body in ("[]", "1", '"text"', "null", "true"):
        response = await post(client, body)
        assert response.status_code == 422
        assert response.json()["detail"] == [{"field": "body", "problem": "must be a JSON object"}]


async def test_other_content_types_are_refused(client: httpx.AsyncClient) -> None:
    for content_type in (
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application/json, text/plain",
        "ä/ö",
    ):
        response = await client.post(
            "/support/submit",
            content=json.dumps(SUBMISSION).encode(),
            headers=[] if content_type is None else [(b"content-type", content_type.encode())],
        )
        assert response.status_code == 415, content_type
        assert "application/json" in response.json()["detail"]


async def test_utf8_may_be_said(client: httpx.AsyncClient) -> None:
    for content_type in ("application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"'):
        assert (await post(client, json.dumps(SUBMISSION), content_type)).status_code == 201


async def test_huge_body_is_refused_whether_or_not_it_says_its_size(
    client: httpx.AsyncClient, database: Database
) -> None:
    body = json.dumps({**SUBMISSION, "message": "x" * 70_000}).encode()
    taken = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1_000):
            taken += 1
            yield b"[" * 4_096

    assert (await post(client, body)).status_code == 413
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    response = await client.post("/support/submit", content=parts(), headers=headers)
    assert response.status_code == 413
    assert "65536" in response.json()["detail"]
    assert await stored(database) == 0


async def test_longest_message_fits_even_when_escaped(client: httpx.AsyncClient) -> None:
    body = json.dumps({**SUBMISSION, "message": "😀" * 5_000}, ensure_ascii=True)
    assert len(body) < 64 * 1024
    assert (await post(client, body)).status_code == 201


async def test_bad_key_is_named(client: httpx.AsyncClient) -> None:
    for key in ("", "a b", "x" * 201, "ä"):
        response = await client.post(
            "/support/submit", json=SUBMISSION, headers=[(b"idempotency-key", key.encode("latin-1"))]
        )
        assert response.status_code == 422
        assert response.json()["detail"][0]["field"] == "Idempotency-Key"


def operator_bodies() -> Iterator[tuple[str, object, str]]:
    conversation = "/conversations/01234567-89ab-7def-8123-456789abcdef"
    for body in ({"message": ""}, {"message": "x" * 5_001}, {"message": 1}, {"message": "a\x00"}, {}):
        yield f"{conversation}/reply", body, "message"
    yield f"{conversation}/reply", {"message": "x", "to": "y"}, "to"
    yield f"{conversation}/hand-back", {"note": "x" * 2_001}, "note"
    yield f"{conversation}/resolve", {"note": None}, "note"
    yield "/conversations/1/take", {}, "conversation_id"
    yield "/test/queue", {"timeout_s": 51}, "timeout_s"
    yield "/test/queue", {"timeout_s": 0}, "timeout_s"
    yield "/test/queue", {"timeout_s": "5"}, "timeout_s"
    yield "/test/queue", {"message": []}, "message"


async def test_operators_bad_input_is_named_too(client: httpx.AsyncClient) -> None:
    for path, body, field in operator_bodies():
        response = await client.post(path, json=body, headers=OPERATOR)
        assert response.status_code == 422, path
        assert [problem["field"] for problem in response.json()["detail"]] == [field]


BAD_QUERIES = [
    ("/escalations?team=nobody", "team"),
    ("/escalations?status=", "status"),
    ("/escalations?team=billing&status=OPEN", "status"),
    ("/metrics/channels?hours=0", "hours"),
    ("/metrics/channels?hours=nan", "hours"),
    ("/metrics/channels?hours=1e9", "hours"),
    ("/customers/lookup", "email"),
    ("/customers/lookup?email=a@b.co&phone=%2B15550100123", "email"),
    ("/customers/lookup?email=nobody", "email"),
    ("/customers/lookup?email=a%00@b.co", "email"),
    ("/customers/lookup?phone=12", "phone"),
    ("/conversations/x", "conversation_id"),
]


async def test_bad_queries_are_named(client: httpx.AsyncClient) -> None:
    for query, field in BAD_QUERIES:
        response = await client.get(query, headers=OPERATOR)
        assert response.status_code == 422, query
        assert response.json()["detail"][0]["field"] == field


async def test_odd_operator_names_are_refused(client: httpx.AsyncClient) -> None:
    key = OPERATOR["Authorization"].encode()
    for name in ("", " x", "a\tb", "<b>", "x" * 65, "-dash", "ä"):
        response = await client.post(
            "/conversations/01234567-89ab-7def-8123-456789abcdef/take",
            headers=[(b"authorization", key), (b"x-operator", name.encode())],
        )
        assert response.status_code == 422
        assert response.json()["detail"][0]["field"] == "X-Operator"


async def test_unknown_paths_are_json_404(client: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/support/submit/", "/conversations", "/assets/../../secrets", "/assets/x", "/%00"):
        response = await client.get(path, headers=OPERATOR)
        assert response.status_code == 404, path
        assert response.json()["detail"]


async def test_wrong_method_is_json_405(client: httpx.AsyncClient) -> None:
    response = await client.get("/support/submit")
    assert response.status_code == 405
    assert response.json()["detail"]
