"""What `fte status` says of a snapshot: the figures, and what needs a look."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console
from typer.testing import CliRunner

from agent.channel_health import Alarm, AlarmKind
from agent.records import Channel, OutboxState
from crm.metrics import (
    Activity,
    ChannelMetrics,
    EmbeddingModel,
    HealthFigures,
    LiveEscalations,
    Percentiles,
    Queue,
    Resolved,
    SurveyAnswers,
)
from serve_app.cli import app
from serve_app.settings import load_settings
from serve_app.status.snapshot import Figures, Replicas, Snapshot, in_words
from serve_app.status.view import Course, render

HEALTH = HealthFigures(
    queue=Queue(depth=3, oldest_s=4.2, turns_running=2, quarantined=1),
    outbox={OutboxState.PENDING: 1},
    outbox_oldest_s=0.5,
    channels=dict.fromkeys(Channel, True),
    embedding_models=[EmbeddingModel("m", 384, active=True)],
    articles=101,
    chunks=500,
)
FORM = ChannelMetrics(
    channel=Channel.WEB_FORM,
    messages=40,
    conversations=20,
    replies=38,
    escalated=4,
    escalation_rate=0.2,
    sentiment=-0.125,
    resolved=Resolved(confirmed=5, assumed=3, reopened=1),
    survey=SurveyAnswers(yes=4, no=1),
    ack=Percentiles(2.4, 8.6),
    turn=Percentiles(41.0, 95.0),
    end_to_end=Percentiles(80.0, 1_250.0),
)
QUIET = replace(
    FORM, channel=Channel.EMAIL, messages=0, sentiment=None, ack=None, turn=None, end_to_end=None, escalation_rate=0.0
)
FIGURES = Figures(
    HEALTH,
    Activity(120, Percentiles(41.0, 95.0), Percentiles(80.0, 1_250.0)),
    LiveEscalations(2, 1, 300.0),
    [QUIET, FORM],
)
WELL = Snapshot(
    taken_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    pid=4711,
    form="http://127.0.0.1:8000/",
    dashboard="http://127.0.0.1:20001",
    replica_metrics="http://127.0.0.1:20005/metrics",
    answers=True,
    application="RUNNING",
    deployments={"Ingress": Replicas(2, 2, 2, 3), "Agent": Replicas(1, 1, 1, 2)},
    figures=FIGURES,
)


ALARM = Alarm(
    Channel.EMAIL,
    AlarmKind.PUSHES_MISSING,
    "the safety poll found mail 3 times of which no push had told",
    datetime(2026, 1, 1, 11, tzinfo=UTC),
)


def shown(snapshot: Snapshot, course: Course | None = None) -> str:
    """In a terminal of the least usual width."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(render(snapshot, course))
    return console.export_text()


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_a_system_that_is_well_shows_its_figures() -> None:
    text = shown(WELL)
    assert "● healthy" in text
    for address in ("http://127.0.0.1:8000/desk", "http://127.0.0.1:8000/metrics", "http://127.0.0.1:20005/metrics"):
        assert address in text
    assert "3 waiting, the oldest for 4 s; 1 in quarantine" in text
    assert "120 a minute, 2 running" in text
    assert "41 / 95 ms" in line_with(text, "one turn")
    assert "80 ms / 1.2 s" in line_with(text, "message to reply")
    assert "2 waiting, the oldest for 5 min; 1 taken" in text
    assert line_with(text, "Ingress").split() == ["Ingress", "2", "2", "2", "3", "■■·"]
    assert line_with(text, "web form").split() == [
        "web", "form", "40", "38", "4", "(20%)", "2", "/", "9", "ms", "41", "/", "95", "ms", "80", "ms", "/", "1.2",
        "s", "-0.12",
    ]  # fmt: skip
    assert line_with(text, "e-mail").count("–") == 4


def test_the_course_since_the_view_was_opened_is_a_line() -> None:
    course = Course()
    for depth in (0, 4, 8):
        queue = replace(HEALTH.queue, depth=depth)
        course.note(replace(WELL, figures=replace(FIGURES, health=replace(HEALTH, queue=queue))))
    course.note(replace(WELL, figures=None))
    assert "▁▅█" in line_with(shown(WELL, course), "queue")


@pytest.mark.parametrize(
    ("snapshot", "problem"),
    [
        (replace(WELL, answers=False), "the HTTP port does not answer"),
        (replace(WELL, application=None, deployments={}), "the Ray dashboard does not answer"),
        (replace(WELL, application="DEPLOY_FAILED"), "the application is deploy_failed"),
        (replace(WELL, deployments={"Agent": Replicas(1, 2, 1, 2)}), "Agent: 1 of 2 replicas run"),
        (replace(WELL, figures=None), "the database does not answer"),
        (
            replace(WELL, figures=replace(FIGURES, health=replace(HEALTH, queue=Queue(9, 200.0, 0, 0)))),
            "a message has waited for 3 min",
        ),
        (
            replace(
                WELL,
                figures=replace(FIGURES, health=replace(HEALTH, outbox={OutboxState.UNKNOWN: 2}, outbox_oldest_s=90)),
            ),
            "a reply has not been delivered for 1 min; of 2 it is unknown whether they arrived",
        ),
        (
            replace(WELL, figures=replace(FIGURES, escalations=LiveEscalations(1, 0, 7_300.0))),
            "nobody has taken an escalation for 2 h",
        ),
        (
            replace(WELL, figures=replace(FIGURES, alarms=[ALARM])),
            "email: the safety poll found mail 3 times of which no push had told",
        ),
        (
            replace(WELL, figures=replace(FIGURES, health=replace(HEALTH, articles=0))),
            "the knowledge base is empty; load one with `fte kb sync DIR`",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(snapshot: Snapshot, problem: str) -> None:
    assert snapshot.problems == [problem]
    assert problem in " ".join(shown(snapshot).split())
    assert "● needs a look" in shown(snapshot)


def test_an_alarm_is_told_to_machines_too() -> None:
    plain = json.loads(json.dumps(replace(WELL, figures=replace(FIGURES, alarms=[ALARM])).as_json()))
    assert plain["problems"] == [ALARM.sentence]
    [alarm] = plain["figures"]["alarms"]
    assert (alarm["kind"], alarm["since"]) == ("pushes_missing", "2026-01-01T11:00:00+00:00")


def test_a_copy_that_starts_is_told_from_one_that_is_ill() -> None:
    text = shown(Snapshot(WELL.taken_at, pid=4711))
    assert "starting (process 4711)" in text
    assert "needs a look" not in text


MODEL = {
    "model": "some-model", "fallback": "offline", "window_minutes": 15.0, "turns": 40,
    "fallbacks": {"away": 3, "resting": 1, "ceiling": 0},
    "tokens_today": 123_456, "tokens_ceiling": 2_000_000, "cost_today": 1.25, "cost_ceiling": 20.0,
}  # fmt: skip


def test_a_language_model_shows_what_it_took_and_what_is_wrong_with_it() -> None:
    text = shown(replace(WELL, figures=replace(FIGURES, language_model=MODEL)))
    assert "some-model: 40 turns, 4 without it" in line_with(text, "language model")
    assert "today 123,456 of 2,000,000 tokens; cost 1.25 of 20.00" in text
    ill = replace(WELL, figures=replace(FIGURES, language_model={**MODEL, "problem": "today's ceiling is reached"}))
    assert "the language model: today's ceiling is reached" in ill.problems


def test_lengths_of_time_are_in_their_largest_unit() -> None:
    assert [in_words(seconds) for seconds in (0, 0.25, 1, 59.4, 60, 3_599, 3_600, 86_399, 200_000)] == [
        "0 s", "0.2 s", "1 s", "59 s", "1 min", "59 min", "1 h", "23 h", "2 d",
    ]  # fmt: skip


def test_json_holds_plain_values() -> None:
    plain = json.loads(json.dumps(WELL.as_json()))
    assert (plain["running"], plain["problems"]) == (True, [])
    assert plain["deployments"]["Ingress"] == {"running": 2, "wanted": 2, "least": 2, "most": 3}
    assert plain["figures"]["channels"]["web_form"]["turn"] == {"p50_ms": 41.0, "p95_ms": 95.0}
    assert plain["figures"]["health"]["outbox"] == {"pending": 1}


@pytest.mark.parametrize("options", [[], ["--once"], ["--json"]])
def test_without_a_running_system_one_sentence_and_status_1(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    load_settings.cache_clear()
    result = CliRunner().invoke(app, ["status", *options])
    load_settings.cache_clear()
    assert result.exit_code == 1
    if "--json" in options:
        assert json.loads(result.output)["running"] is False
    else:
        assert result.output.strip() == "nothing is running; start it with `fte up`"
