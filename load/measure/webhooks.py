"""Both webhooks beside running agents, what creating a ticket takes, and how soon people see an escalation."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Sequence

from load.figures import Figures
from load.form_client import FormClient
from load.http_client import HttpClient
from load.measure.accept import beside_agents
from load.open_loop import Sample, run_open_loop
from load.percentiles import percentiles
from load.providers import Mail, Providers, Request, sid_of
from load.results import Figure, Section, Table
from load.settling import drain
from load.system import System

RATE_PER_S = 100.0
_RUN_S = 20.0
_TICKETS, _TICKET_PAUSE_S = 150, 0.1
_ESCALATIONS = 20
_LOOK_S, _SEEN_WITHIN_S = 0.02, 10.0
_PATIENCE_S = 60.0
_REFUND = "I was charged twice this month and I want a refund."


async def measure_webhooks(
    system: System, texts: Sequence[str], *, sustained_per_s: float, progress: Callable[[str], None]
) -> Section:
    figures = Figures(system.database)
    providers = Providers(system)
    await drain(system, _PATIENCE_S)
    progress("tickets, one after the other")
    tickets = await _create_tickets(system, figures, providers, texts)
    progress("escalations until people see them")
    seen_s = await _escalate(system)
    await drain(system, _PATIENCE_S)
    progress("both webhooks beside the agents")
    posts = _Posts(providers, texts)
    samples, turns_per_s = await _beside_agents(system, figures, posts, texts, sustained_per_s / 2)
    ack = {path: percentiles([1000 * each.latency_s for each in mine]) for path, mine in posts.split(samples).items()}
    both = percentiles([1000 * each.latency_s for each in samples])
    late = percentiles([1000 * each.late_s for each in samples])
    created, seen = percentiles(tickets), percentiles([1000 * each for each in seen_s])
    refused = sum(not each.ok for each in samples)
    return Section(
        name="webhooks",
        title="Webhooks",
        method=(
            f"{RATE_PER_S:g} signed webhooks/s for {_RUN_S:g} s, open loop, latency from the scheduled time: WhatsApp "
            "messages of new customers and Gmail's pushes by turns, with one new mail a second, which is as often as "
            f"Gmail tells of a mailbox. What they bring waits, while {turns_per_s:.1f} turns/s of messages stored "
            f"before run, half of the sustained {sustained_per_s:.1f}/s. Tickets: {_TICKETS} WhatsApp messages of new "
            f"customers, one after the other; what the ingress notes from the request to the commit. Escalations: "
            f"{_ESCALATIONS} requests for a refund on the idle system, from the acknowledgement until GET /escalations "
            f"of the team lists them, asked every {1000 * _LOOK_S:g} ms."
        ),
        figures=(
            Figure("ack p99 of both webhooks at 100/s beside the agents", both.p99, "ms", at_most=50.0),
            Figure("creating a ticket, p95", created.p95, "ms", at_most=5.0),
            Figure("an escalation seen by its team, slowest", seen.max, "ms", at_most=1000.0),
        ),
        tables=(
            Table(
                "Milliseconds",
                ("what", "count", "refused", "p50", "p95", "p99", "max", "generator late, p99"),
                (
                    *((path, each.count, "", each.p50, each.p95, each.p99, each.max, "") for path, each in ack.items()),
                    ("both", both.count, refused, both.p50, both.p95, both.p99, both.max, late.p99),
                    ("a ticket", created.count, "", created.p50, created.p95, created.p99, created.max, ""),
                    ("an escalation", seen.count, "", seen.p50, seen.p95, seen.p99, seen.max, ""),
                ),
            ),
        ),
    )


class _Posts:
    """What is posted by number: the even ones by WhatsApp, the odd ones pushes."""

    def __init__(self, providers: Providers, texts: Sequence[str]) -> None:
        self._providers = providers
        self._texts = texts
        self._mail_number = providers.deliver_mail(Mail("webhooks-0@example.com", 0, texts[0]))

    def __call__(self, number: int) -> Request:
        if number % 2 == 0:
            text = self._texts[number % len(self._texts)]
            return self._providers.whatsapp(f"+1556{number:07d}", sid_of(f"webhook-{number}"), text)
        if number % int(RATE_PER_S) == 1:
            mail = Mail(f"webhooks-{number}@example.com", 0, self._texts[number % len(self._texts)])
            self._mail_number = self._providers.deliver_mail(mail)
        return self._providers.push(self._mail_number)

    def split(self, samples: Sequence[Sample]) -> dict[str, Sequence[Sample]]:
        return {"WhatsApp": samples[::2], "Gmail's push": samples[1::2]}


async def _beside_agents(
    system: System, figures: Figures, posts: _Posts, texts: Sequence[str], turns_per_s: float
) -> tuple[list[Sample], float]:
    async def acknowledge() -> list[Sample]:
        async with system.client() as http:

            async def send(number: int) -> bool:
                return await _post(http, posts(number))

            return await run_open_loop(send, RATE_PER_S, _RUN_S)

    samples, _, turns = await beside_agents(
        system, texts, turns_per_s, acknowledge, during_s=_RUN_S, held=("web_form", "whatsapp", "email")
    )
    await figures.release_work()
    return samples, turns


async def _create_tickets(
    system: System, figures: Figures, providers: Providers, texts: Sequence[str]
) -> Sequence[float]:
    mark = await figures.mark()
    async with system.client(1) as http:
        for number, text in zip(range(_TICKETS), itertools.cycle(texts), strict=False):
            sid = sid_of(f"ticket-{number}")
            if not await _post(http, providers.whatsapp(f"+1557{number:07d}", sid, text)):
                raise ConnectionError("a webhook was refused")
            await asyncio.sleep(_TICKET_PAUSE_S)
    await drain(system, _PATIENCE_S)
    return (await figures.recorded_since(mark)).accepts


async def _escalate(system: System) -> list[float]:
    """Seconds from the acknowledgement of each request until its team's list has it."""
    seen = []
    async with system.client(2) as http:
        customers = FormClient(http)
        for _ in range(_ESCALATIONS):
            ticket = await customers.submit(_REFUND)
            if ticket is None:
                raise ConnectionError("a submission was refused")
            began = time.perf_counter()
            while not await _is_listed(http, system.operator_key, ticket.ticket_id):
                if time.perf_counter() - began > _SEEN_WITHIN_S:
                    break
                await asyncio.sleep(_LOOK_S)
            seen.append(time.perf_counter() - began)
    return seen


async def _is_listed(http: HttpClient, key: str, ticket_id: str) -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    answer = await http.request("GET", "/escalations?team=billing&status=open", headers=headers)
    if answer.status != 200:
        raise ConnectionError(f"the list of escalations answered {answer.status}")
    listed = json.loads(answer.body)
    return any(each["ticket_id"] == ticket_id for each in listed["escalations"])


async def _post(http: HttpClient, request: Request) -> bool:
    answer = await http.request("POST", request.path, request.body, request.headers)
    return 200 <= answer.status < 300
