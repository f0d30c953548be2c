"""The reference of the HTTP interface names every endpoint and every metric that there is."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from agent.times import Times
from crm.database import Database
from crm.metrics import Queue
from crm.totals import LATENCY_BOUNDS_MS, SystemFigures, Totals
from deployments.web.app import create_app
from deployments.web.exposition import render_metrics
from deployments.web.services import connect_services

_FOLDER = Path(__file__).parents[2] / "docs" / "reference"
REFERENCE = (_FOLDER / "http.md").read_text(encoding="utf-8")
METRICS = (_FOLDER / "metrics.md").read_text(encoding="utf-8")


def test_every_endpoint_is_documented() -> None:
    database = Database("postgresql:///unused", Times())
    app = create_app(connect_services(database, operator_key=SecretStr("k"), token_secret=SecretStr("t")))
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            assert f"`{method.upper()} {path}" in REFERENCE, f"{method} {path} is missing in docs/reference/http.md"
            assert operation["description"], f"{method} {path} has no docstring"


def figures() -> SystemFigures:
    totals = Totals()
    totals.messages["web_form", "inbound"] = 3
    totals.outcomes["web_form", "reply", ""] = 2
    for kind, measure in (("accept", "total"), ("turn", "total"), ("deliver", "total"), ("deliver", "end_to_end")):
        for bucket in (0, 3, len(LATENCY_BOUNDS_MS)):
            totals.latencies[kind, measure, "web_form", str(bucket)] = 2
            totals.latency_sums_ms[kind, measure, "web_form", str(bucket)] = 10
    totals.stages["embed",] = 2
    totals.stage_sums_ms["embed",] = 30
    totals.resolutions["web_form", "assumed"] = 4
    totals.survey["web_form", "yes"] = 3
    queue = Queue(depth=1, oldest_s=2.5, turns_running=0, quarantined=3)
    return SystemFigures(totals, queue, {("billing", "open"): 1}, {("billing",): 2})


def test_every_metric_is_documented() -> None:
    for family in text_string_to_metric_families(render_metrics(figures()).decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert f"`{name}`" in METRICS, name


def test_histograms_count_upwards() -> None:
    families = {each.name: each for each in text_string_to_metric_families(render_metrics(figures()).decode())}
    buckets = [
        sample.value for sample in families["fte_turn_seconds"].samples if sample.name == "fte_turn_seconds_bucket"
    ]
    assert len(buckets) == len(LATENCY_BOUNDS_MS) + 1
    assert buckets == sorted(buckets)
    assert (buckets[0], buckets[3], buckets[-1]) == (2, 4, 6)
    values = {sample.name: sample.value for sample in families["fte_turn_seconds"].samples}
    assert values["fte_turn_seconds_count"] == 6
    assert values["fte_turn_seconds_sum"] == 0.03
    stage = {sample.name: sample.value for sample in families["fte_turn_stage_seconds"].samples}
    assert (stage["fte_turn_stage_seconds_count"], stage["fte_turn_stage_seconds_sum"]) == (2, 0.03)
