"""What operators and scrapers ask: health, metrics, and a message sent through the whole pipeline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import ChannelTroubled, DatabaseAway, FteError, NeedsReauth
from agent.records import ConversationId, MessageId, OutboxState, OutcomeKind, TicketId
from channels.texts import MessageText
from channels.web_form.submission import Submission, to_inbound
from crm.metrics import ChannelMetrics, HealthFigures
from crm.views import Probe
from deployments.web.ack_log import log_accepted
from deployments.web.exposition import render_metrics
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import read_optional_json, require_operator
from deployments.web.services import HealthProbe, IngressServices, services_of

router = APIRouter(tags=["operations"])

_PROBE_TIMEOUT_S = 2.0
_WAIT_MAX_S = 50.0  # less than the time after which Serve ends a request
_LOOK_FIRST_S, _LOOK_MAX_S = 0.01, 0.1
_DELIVERY_ENDS = frozenset({OutboxState.SENT, OutboxState.FAILED, OutboxState.CANCELLED})
_QUESTION = "How do I create a board in my workspace?"

for_operators = [Depends(require_operator)]


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class DetailedHealth(BaseModel):
    """`degraded` when the database or a part that was asked does not answer; `problems` says which."""

    status: Literal["ok", "degraded"]
    problems: Sequence[str]
    database_ms: float | None
    figures: HealthFigures | None
    parts: Mapping[str, Mapping[str, Any]]


class ChannelReport(BaseModel):
    """Each channel over the last hours."""

    window_hours: float
    channels: Mapping[str, ChannelMetrics]


class QueueTest(BaseModel):
    """A synthetic message and how long to wait for its end."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    message: MessageText = _QUESTION
    timeout_s: float = Field(default=15.0, ge=0.1, le=_WAIT_MAX_S, allow_inf_nan=False)


class QueueTestResult(BaseModel):
    """`stages_ms` holds the stages of the turn, and around them accept, commit (from the accept to the commit of
    the outcome) and deliver (from there to the delivery)."""

    ticket_id: TicketId
    conversation_id: ConversationId
    message_id: MessageId
    outcome: OutcomeKind
    reason: str
    delivery: OutboxState | None
    total_ms: float
    stages_ms: Mapping[str, float]


class TestTimedOut(FteError):
    """The synthetic message did not come to its end in time."""

    http_status = 504
    __test__ = False  # not a test class, whatever its name


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def read_health() -> Health:
    """Whether this replica answers; it asks nothing else."""
    return Health()


@router.get("/health/detailed", dependencies=for_operators, responses=error_responses(401))
async def read_detailed_health(request: Request) -> DetailedHealth:
    """What tells a healthy system from a stuck one. An outage is in the answer, not an error."""
    services = services_of(request)
    began = time.perf_counter()
    problems, figures, database_ms = [], None, None
    try:
        figures = await services.metrics.fetch_health()
        database_ms = (time.perf_counter() - began) * 1000
    except DatabaseAway as error:
        problems.append(str(error))
    parts = dict(zip(services.probes, await asyncio.gather(*map(_ask, services.probes.values())), strict=True))
    problems += [f"{name}: {part['problem']}" for name, part in parts.items() if "problem" in part]
    return DetailedHealth(
        status="degraded" if problems else "ok",
        problems=problems,
        database_ms=database_ms,
        figures=figures,
        parts=parts,
    )


@router.get("/metrics/channels", dependencies=for_operators, responses=error_responses(401, 422, 503))
async def read_channel_metrics(
    request: Request, hours: Annotated[float, Query(gt=0, le=24 * 90, description="How far back")] = 24.0
) -> ChannelReport:
    """Each channel's volume, latencies, escalation rate and sentiment over the last hours."""
    channels = await services_of(request).metrics.fetch_channels(timedelta(hours=hours))
    return ChannelReport(window_hours=hours, channels={each.channel.value: each for each in channels})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **error_responses(503)},
)
async def read_metrics(request: Request) -> Response:
    """The whole system's metrics in Prometheus' text format."""
    figures = await services_of(request).totals.read()
    return Response(render_metrics(figures), headers={"Content-Type": CONTENT_TYPE_LATEST})


@router.post(
    "/test/queue",
    dependencies=for_operators,
    responses=error_responses(400, 401, 413, 415, 422, 503, 504),
    openapi_extra=json_body(QueueTest, required=False),
)
async def test_queue(request: Request) -> QueueTestResult:
    """Send a synthetic message through the whole pipeline and time its stages."""
    services = services_of(request)
    test = await read_optional_json(request, QueueTest)
    began = time.perf_counter()
    submission = Submission(
        name="Queue test", email="queue-test@example.invalid", subject="Queue test", message=test.message
    )
    message = replace(to_inbound(submission, f"test-{uuid4().hex}"), synthetic=True)
    accepted = await services.inbox.accept(message)
    accept_ms = (time.perf_counter() - began) * 1000
    log_accepted(accepted, message.channel, accept_ms)
    services.wake_dispatcher()
    probe = await _follow(services, accepted.message_id, test.timeout_s)
    assert probe.outcome_kind is not None, "followed to its end"
    stages = {"accept": accept_ms, **probe.stages_ms, "commit": (probe.committed_s or 0.0) * 1000}
    if probe.delivered_s is not None and probe.committed_s is not None:
        stages["deliver"] = (probe.delivered_s - probe.committed_s) * 1000
    return QueueTestResult(
        ticket_id=accepted.ticket_id,
        conversation_id=accepted.conversation_id,
        message_id=accepted.message_id,
        outcome=probe.outcome_kind,
        reason=probe.reason,
        delivery=probe.delivery,
        total_ms=(time.perf_counter() - began) * 1000,
        stages_ms=stages,
    )


test_queue.__test__ = False  # type: ignore[attr-defined]


async def _follow(services: IngressServices, message_id: MessageId, timeout_s: float) -> Probe:
    """Look until the message has come to its end. Raises TestTimedOut."""
    until = time.monotonic() + timeout_s
    pause_s = _LOOK_FIRST_S
    while True:
        probe = await services.tickets.fetch_probe(message_id)
        # An outcome that sends nothing has no reply in the outbox: both are committed together.
        if probe.outcome_kind and (probe.delivery is None or probe.delivery in _DELIVERY_ENDS):
            return probe
        if time.monotonic() + pause_s > until:
            reached = f"its reply is {probe.delivery}" if probe.delivery else "it waits for its turn to end"
            raise TestTimedOut(f"the message was not answered within {timeout_s:g} s: {reached}")
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LOOK_MAX_S)


async def _ask(probe: HealthProbe) -> Mapping[str, Any]:
    try:
        return await asyncio.wait_for(probe(), _PROBE_TIMEOUT_S)
    except TimeoutError:
        return {"problem": f"no answer within {_PROBE_TIMEOUT_S:g} s"}
    except (ChannelTroubled, NeedsReauth) as error:
        return {"problem": str(error)}
    except Exception as error:  # whatever part it is, its trouble must not hide the others
        return {"problem": type(error).__name__}
