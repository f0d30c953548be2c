"""From the form to the answer, through every deployment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from agent.records import CustomerId
from load.chaos.victims import Kind, Victims
from serve_app.options import APP_NAME
from serve_app.settings import inherited_environment
from serve_app.supervisor.ray_hook import EARLY_FAILURE
from serve_app.supervisor.run_folder import RunFolder
from tests.serve.system import RunningSystem


def test_a_question_gets_one_grounded_answer(system: RunningSystem) -> None:
    question = system.ask("How do I invite a colleague to my workspace?")
    reply = system.wait_for_reply(question)
    assert "invite" in reply.lower()
    ticket = system.ticket(question)
    assert ticket["status"] == "in_progress" or ticket["status"] in ("open", "resolved")
    assert len(system.replies(question)) == 1


def test_an_answer_links_the_section_of_the_article_that_it_is_from(system: RunningSystem) -> None:
    reply = system.wait_for_reply(system.ask("How do I invite a colleague to my workspace?", "links@example.com"))
    linked = re.search(r"\((http://[^()\s]+/help/([^()#\s]+)#([^()\s]+))\)", reply)
    assert linked is not None, reply
    assert linked[1].startswith(f"http://127.0.0.1:{system.port}/")
    page = system.http.get(f"/help/{linked[2]}")
    assert page.status_code == 200
    assert f'id="{linked[3]}"' in page.text
    again = system.http.get(f"/help/{linked[2]}", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    assert linked[2] in system.http.get("/help").text
    assert linked[2] in system.http.get("/help?q=invite").text


def test_what_a_person_must_decide_reaches_the_desk(system: RunningSystem) -> None:
    question = system.ask("I want my money back for last month, please refund the invoice.", "refund@example.com")
    system.wait_for_reply(question)
    assert system.ticket(question)["status"] == "escalated"
    rows = _fte(system, "escalations", "--json", "--team", "billing")
    assert any(row["ticket_id"] == question.ticket_id and row["reason_code"] == "refund_request" for row in rows)


def test_many_customers_at_once_are_all_answered(system: RunningSystem) -> None:
    with ThreadPoolExecutor(8) as crowd:
        questions = list(crowd.map(lambda n: system.ask("How do I export a report?", f"c{n}@example.com"), range(40)))
        replies = list(crowd.map(system.wait_for_reply, questions))
    assert all(replies)
    assert all(len(system.replies(question)) == 1 for question in questions)


async def test_turns_that_are_asked_for_together_are_all_told(system: RunningSystem, driver: Any) -> None:
    from ray import serve

    agents = serve.get_deployment_handle("Agent", APP_NAME).options(stream=True)
    nobody = [CustomerId(uuid4()) for _ in range(20)]
    told = [ended async for answer in agents.turns.remote(nobody) for ended in answer]
    assert sorted(told) == sorted((customer_id, False) for customer_id in nobody), "nothing was due"


def test_detailed_health_knows_every_part(system: RunningSystem) -> None:
    health = wait_until_healthy(system)
    assert health["parts"]["embedding"]["model_id"] == "all-MiniLM-L6-v2"
    assert set(health["parts"]["lock_shards"]) == {"0", "1"}


def test_the_controller_loads_while_ray_does(system: RunningSystem, driver: Any) -> None:
    """Where that fails the application starts all the same, only later, which nothing else here would notice."""
    log = (RunFolder(system.home).path / "ray-start.log").read_text(encoding="utf-8")
    assert "Ray runtime started" in log
    assert EARLY_FAILURE not in log
    # Made by the first driver of all, which is `ray start`; the dashboard's comes after it.
    controller = driver.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    assert controller._actor_id.job_id.hex() == "01000000"


def test_the_workers_are_forked_from_what_is_loaded(system: RunningSystem) -> None:
    """Where that fails each loads all by itself, which nothing else here would notice."""
    victims = Victims(system.home)
    [server] = victims.find(Kind.FORK_SERVER)
    for kind in (Kind.CONTROLLER, Kind.AGENT, Kind.INGRESS, Kind.LOCK):
        assert {process.ppid() for process in victims.find(kind)} == {server.pid}, kind


def test_status_lists_every_deployment(system: RunningSystem) -> None:
    system.rollout()  # the dashboard answers
    report = _fte(system, "status", "--json")
    assert report["running"] is True
    assert report["pid"] == system.supervisor_pid
    deployments = {name: each["running"] >= 1 for name, each in report["deployments"].items()}
    assert deployments == dict.fromkeys(["Ingress", "Embedding", "Sentiment", "Agent", "Dispatcher", "Courier"], True)


def test_a_second_up_on_the_same_home_says_so_in_one_sentence(system: RunningSystem) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "serve_app", "up"],
        env=inherited_environment(system.environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert second.returncode == 1
    assert "runs already" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert system.http.get("/health").status_code == 200


def wait_until_healthy(system: RunningSystem, patience_s: float = 120.0) -> dict[str, Any]:
    """A part that is asked on a busy machine may be late with its answer, once."""
    deadline = time.monotonic() + patience_s
    while True:
        health: dict[str, Any] = system.http.get("/health/detailed", headers=system.operator).json()
        if health["status"] == "ok":
            return health
        assert time.monotonic() < deadline, health
        time.sleep(0.5)


def _fte(system: RunningSystem, *arguments: str) -> object:
    done = subprocess.run(
        [sys.executable, "-m", "serve_app", *arguments],
        env=inherited_environment(system.environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
