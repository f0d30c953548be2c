"""Health, metrics, the queue test, the pages, and what an outage looks like from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agent.records import OutcomeKind, TurnContext, TurnDecision
from agent.times import Times
from crm.database import Connection, Database
from crm.totals import SystemTotals
from deployments.web.services import IngressServices
from tests.integration.http_spine import (
    OPERATOR,
    SUBMISSION,
    answer_due,
    http_client,
    responder,
    services_for,
)
from tests.integration.spine import escalate, reply_to


async def metrics_of(client: httpx.AsyncClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def labels(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


async def test_metrics_tell_the_whole_system(
    client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    for _ in range(3):
        await client.post("/support/submit", json=SUBMISSION)
    before = await metrics_of(client)
    assert before["fte_queue_depth", ()] == 3
    assert before["fte_queue_oldest_seconds", ()] > 0
    await answer_due(database, reply_to)
    await client.post("/support/submit", json=SUBMISSION)
    await answer_due(database, escalate, deliver=False)
    await services.acks.close()
    after = await metrics_of(client)
    assert after["fte_queue_depth", ()] == 0
    form = {"channel": "web_form"}
    assert after["fte_messages_total", labels(**form, direction="inbound")] == 4
    assert after["fte_outcomes_total", labels(**form, kind="reply", reason="")] == 3
    assert after["fte_outcomes_total", labels(**form, kind="escalation", reason="refund_request")] == 1
    assert after["fte_outbox_messages", labels(state="sent")] == 3
    assert after["fte_outbox_messages", labels(state="pending")] == 1
    assert after["fte_escalations", labels(team="billing", status="open")] == 1
    assert after["fte_ack_seconds_count", labels(**form)] == 4
    assert after["fte_turn_seconds_count", labels(**form)] == 4
    assert after["fte_end_to_end_seconds_bucket", labels(**form, le="+Inf")] == 3
    assert 0 < after["fte_end_to_end_seconds_sum", labels(**form)] < 60


async def test_many_who_ask_for_metrics_at_once_share_a_reading(database: Database) -> None:
    counted = 0
    connect = database.connection

    def count() -> AbstractAsyncContextManager[Connection]:
        nonlocal counted
        counted += 1
        return connect()

    totals = SystemTotals(database)
    with patch.object(database, "connection", count):
        figures = await asyncio.gather(*(totals.read() for _ in range(100)))
    assert counted <= 2, "one that began before the others asked, and theirs"
    assert all(each.totals == figures[0].totals for each in figures)


async def test_every_replica_tells_the_same_and_counts_final_rows_once(
    client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    counting = SystemTotals(database, settled_after=timedelta(0))
    for round_ in range(4):
        await client.post("/support/submit", json=SUBMISSION)
        await answer_due(database, reply_to, deliver=round_ in (0, 3))
        await services.acks.close()  # so that none is written between the two readings
        figures = await counting.read()
        afresh = (await SystemTotals(database).read()).totals
        assert dict(figures.totals.latency_sums_ms) == pytest.approx(dict(afresh.latency_sums_ms))
        assert replace(figures.totals, latency_sums_ms=afresh.latency_sums_ms) == afresh
        assert figures.totals.messages["web_form", "inbound"] == round_ + 1
        # Of the replies only those before the first undelivered one are final.
        assert sum(counting._final.outbox.values()) == (1, 1, 1, 4)[round_]
    assert figures.totals.outbox == {("sent",): 4}
    assert counting._final.messages["web_form", "inbound"] == 4, "what is final is not read again"


async def test_channel_metrics_sum_up_a_while(
    client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    for _ in range(3):
        await client.post("/support/submit", json=SUBMISSION)
    await answer_due(database, reply_to)
    await client.post("/support/submit", json=SUBMISSION)
    await answer_due(database, escalate)
    await services.acks.close()
    report = (await client.get("/metrics/channels?hours=1", headers=OPERATOR)).json()
    assert set(report["channels"]) == {"email", "whatsapp", "web_form"}
    form = report["channels"]["web_form"]
    assert (form["messages"], form["conversations"], form["replies"]) == (4, 4, 4)
    assert form["escalation_rate"] == 0.25
    assert form["sentiment"] == 0.0
    for measure in ("ack", "turn", "end_to_end"):
        assert 0 <= form[measure]["p50_ms"] <= form[measure]["p95_ms"]
    assert report["channels"]["whatsapp"]["turn"] is None


async def test_queue_test_times_each_stage(client: httpx.AsyncClient, database: Database) -> None:
    def decide(context: TurnContext) -> TurnDecision:
        return replace(reply_to(context), stages={"embed": 4.0, "search": 2.0})

    async with responder(database, decide):
        response = await client.post("/test/queue", json={"timeout_s": 50}, headers=OPERATOR)
    assert response.status_code == 200, response.text
    result = response.json()
    assert (result["outcome"], result["delivery"]) == ("reply", "sent")
    assert {"accept", "embed", "search", "commit", "deliver"} <= set(result["stages_ms"])
    assert all(ms >= 0 for ms in result["stages_ms"].values())
    assert result["total_ms"] < 60_000
    report = (await client.get("/metrics/channels", headers=OPERATOR)).json()
    assert report["channels"]["web_form"]["messages"] == 0, "synthetic messages are no volume"


async def test_queue_test_ends_where_nothing_is_sent(client: httpx.AsyncClient, database: Database) -> None:
    def suppress(context: TurnContext) -> TurnDecision:
        return TurnDecision(kind=OutcomeKind.SUPPRESSED, reason="duplicate", sentiments=(0.0,))

    async with responder(database, suppress):
        result = (await client.post("/test/queue", json={"timeout_s": 50}, headers=OPERATOR)).json()
    assert (result["outcome"], result["reason"], result["delivery"]) == ("suppressed", "duplicate", None)


async def test_queue_test_says_where_it_stopped(client: httpx.AsyncClient) -> None:
    response = await client.post("/test/queue", json={"timeout_s": 0.2}, headers=OPERATOR)
    assert response.status_code == 504
    assert "waits for its turn" in response.json()["detail"]


async def test_detailed_health_tells_figures_and_parts(services: IngressServices, database: Database) -> None:
    async def fine() -> Mapping[str, Any]:
        return {"held": 2}

    async def broken() -> Mapping[str, Any]:
        raise OSError("secret detail")

    async with http_client(replace(services, probes={"locks": fine})) as client:
        await client.post("/support/submit", json=SUBMISSION)
        health = (await client.get("/health/detailed", headers=OPERATOR)).json()
    assert (health["status"], health["problems"], health["parts"]) == ("ok", [], {"locks": {"held": 2}})
    assert health["figures"]["queue"]["depth"] == 1
    assert health["figures"]["channels"] == {"email": True, "web_form": True, "whatsapp": True}
    async with http_client(replace(services, probes={"locks": fine, "model": broken})) as client:
        health = (await client.get("/health/detailed", headers=OPERATOR)).json()
    assert (health["status"], health["problems"]) == ("degraded", ["model: OSError"])


async def test_outage_is_503_with_retry_after_and_ends_by_itself(services: IngressServices) -> None:
    away = services_for(Database("postgresql://postgres@/fte?host=/nonexistent", Times()))
    async with http_client(away) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert (await client.get("/")).status_code == 200
        for method, path in (("POST", "/support/submit"), ("GET", "/metrics"), ("GET", "/escalations")):
            response = await client.request(method, path, json=SUBMISSION, headers=OPERATOR)
            assert response.status_code == 503, path
            assert int(response.headers["Retry-After"]) > 0
            assert response.json() == {"detail": "the database does not answer"}
        health = (await client.get("/health/detailed", headers=OPERATOR)).json()
        assert (health["status"], health["figures"]) == ("degraded", None)


async def test_unexpected_error_is_500_and_quotes_nothing(
    services: IngressServices, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        async def accept(self, message: object) -> object:
            raise RuntimeError(f"cannot store {message}")

    async with http_client(replace(services, inbox=Broken())) as client:  # type: ignore[arg-type]
        response = await client.post("/support/submit", json={**SUBMISSION, "message": "my secret"})
    assert response.status_code == 500
    assert response.json() == {"detail": "something went wrong on our side"}
    assert "RuntimeError in POST /support/submit" in caplog.text
    assert "my secret" not in caplog.text + response.text


async def test_nobody_has_an_empty_operator_key(services: IngressServices) -> None:
    async with http_client(replace(services, operator_key=SecretStr(""))) as client:
        for value in ("", "Bearer ", "Bearer"):
            assert (await client.get("/escalations", headers={"Authorization": value})).status_code == 401


async def test_every_response_has_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/docs", "/health", "/nowhere", "/support-form.js", "/assets/element.js", "/escalations"):
        response = await client.get(path)
        assert response.headers["X-Content-Type-Options"] == "nosniff", path
        assert response.headers["Referrer-Policy"] == "no-referrer"
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


async def test_page_and_files_are_asked_for_again_only_when_they_changed(client: httpx.AsyncClient) -> None:
    for path in ("/", "/support-form.js", "/assets/element.js", "/assets/page.css", "/assets/icon.svg"):
        first = await client.get(path)
        assert first.status_code == 200
        again = await client.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


async def test_uptime_checks_may_ask_for_the_head_only(client: httpx.AsyncClient) -> None:
    for path in ("/", "/health"):
        assert (await client.head(path)).status_code == 200


async def test_reference_lists_every_endpoint_and_loads_nothing(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    description = (await client.get("/openapi.json")).json()
    for path in description["paths"]:
        assert path in page
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


async def test_other_sites_are_let_in_only_when_allowed(services: IngressServices) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    async with http_client(services) as client:
        response = await client.options("/support/submit", headers=preflight)
        assert "access-control-allow-origin" not in response.headers
    async with http_client(replace(services, allowed_origins=("https://shop.example",))) as client:
        response = await client.options("/support/submit", headers=preflight)
        assert response.headers["access-control-allow-origin"] == "https://shop.example"
        other = await client.options("/support/submit", headers={**preflight, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


ELEMENT = ("/support-form.js", "/assets/element.js", "/assets/styles.js", "/assets/texts/ar.js")


async def test_allowed_site_may_load_the_element_and_use_the_support_endpoints_only(services: IngressServices) -> None:
    shop = {"Origin": "https://shop.example"}
    async with http_client(replace(services, allowed_origins=("https://shop.example",))) as client:
        for path in (*ELEMENT, "/support/ticket/TF-20260101-0001", "/support/ticket/TF-20260101-0001/events"):
            response = await client.get(path, headers=shop)
            assert response.headers["access-control-allow-origin"] == "https://shop.example", path
            assert "Origin" in response.headers["vary"]
            assert "access-control-allow-credentials" not in response.headers
            for origin in ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"):
                other = await client.get(path, headers={"Origin": origin})
                assert "access-control-allow-origin" not in other.headers
        for path in ("/", "/escalations", "/health/detailed", "/metrics", "/test/queue"):
            response = await client.get(path, headers=shop)
            assert "access-control-allow-origin" not in response.headers, path


async def test_preflight_lets_the_headers_of_the_form_through(services: IngressServices) -> None:
    headers = "authorization, content-type, idempotency-key, last-event-id"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": headers}
    async with http_client(replace(services, allowed_origins=("https://shop.example",))) as client:
        for path in ("/support/submit", "/support/ticket/TF-20260101-0001/messages"):
            response = await client.options(path, headers={**asked, "Origin": "https://shop.example"})
            assert response.status_code == 200
            assert set(headers.split(", ")) <= set(response.headers["access-control-allow-headers"].lower().split(", "))
            refused = await client.options(path, headers={**asked, "Origin": "https://evil.example"})
            assert refused.status_code == 400


async def test_page_speaks_the_browser_s_language(client: httpx.AsyncClient) -> None:
    for query, accepted, language in (
        ("", "ar-EG, en;q=0.5", "ar"),
        ("?lang=de", "ar", "de"),
        ("?lang=<b>", "x", "en"),
    ):
        response = await client.get(f"/{query}", headers={"Accept-Language": accepted})
        assert response.headers["content-language"] == language
        assert "Accept-Language" in response.headers["vary"]
        assert f'<html lang="{language}"' in response.text


async def test_many_submissions_at_once_all_get_their_ticket(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.post("/support/submit", json=SUBMISSION) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["ticket_id"] for answer in answers}) == 50
