"""The parts of `fte up` that need no server: its folder, lock, logs, stop, and HAProxy's start script."""

from __future__ import annotations

import contextlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from agent.errors import ConfigurationInvalid
from serve_app.settings import Settings
from serve_app.supervisor.data import FollowedKnowledge, knowledge_digest
from serve_app.supervisor.haproxy import write_start_script
from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.log_tail import LogTail
from serve_app.supervisor.run_folder import _LONGEST_PATH, Ports, RunFolder, ensure_key
from serve_app.supervisor.supervisor import StopRequested, Supervisor

COPY = RunningCopy(4711, 20000, "http://127.0.0.1:8000/", "http://127.0.0.1:20001", "")


def test_two_homes_have_two_folders_and_the_sockets_below_them_fit() -> None:
    first, second = RunFolder(Path("/a" * 100)), RunFolder(Path("/b"))
    assert first.path != second.path
    assert first.path == RunFolder(Path("/a" * 100)).path
    # A Ray node id is 56 characters; HAProxy binds a temporary name first.
    longest = first.haproxy / ("0" * 56) / "admin.sock.1234567.tmp"
    assert len(str(longest)) - len(str(first.path)) + _LONGEST_PATH <= 107


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.path = tmp_path / "link"
    (tmp_path / "elsewhere").mkdir()
    folder.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises((ConfigurationInvalid, FileExistsError)):
        folder.make()


def test_no_two_ports_of_a_block_are_the_same() -> None:
    ports = Ports(20000)
    single = {value for name in dir(ports) if isinstance(value := getattr(ports, name), int) and name != "first"}
    ranges = [set(range(low, high + 1)) for low, high in (ports.ingress_http, ports.ingress_grpc, ports.workers)]
    assert len(single) == 12
    assert sum(map(len, [single, *ranges])) == len(single.union(*ranges))
    assert max(ports.workers) < 20300


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "operator_key"
    key = ensure_key(file)
    assert len(key) >= 40
    assert ensure_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_second_supervisor_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path), HomeLock(tmp_path)
    assert second.holder() is None
    first.take()
    first.announce(COPY)
    with pytest.raises(ConfigurationInvalid, match=r"http://127.0.0.1:8000/ .*4711.*fte down"):
        second.take()
    assert second.holder() is not None
    first.release()
    assert second.holder() is None
    assert second.running_copy() is None
    second.take()
    second.release()


def test_a_stop_whose_exception_was_swallowed_still_ends_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    supervisor = Supervisor(Settings(), Console(), on_ready=lambda _: None)

    def signal_in_a_finaliser() -> None:
        with contextlib.suppress(StopRequested):
            supervisor.stop()

    monkeypatch.setattr(supervisor, "_repair", signal_in_a_finaliser)
    supervisor.watch()


def test_log_lines_are_shown_once_and_whole(tmp_path: Path) -> None:
    shown: list[str] = []
    tail = LogTail(tmp_path, shown.append)
    first = tmp_path / "worker-a.err"
    first.write_text(":job_id:01\n:actor_name:X\nINFO one\nINFO tw")
    tail.poll()
    with first.open("a") as stream:
        stream.write("o\n")
    (tmp_path / "worker-b.err").write_text("INFO three\n")
    (tmp_path / "raylet.out").write_text("not shown\n")
    tail.poll()
    tail.poll()
    assert shown == ["INFO one", "INFO two", "INFO three"]


def test_what_serve_says_about_its_own_work_is_not_shown(tmp_path: Path) -> None:
    shown: list[str] = []
    (tmp_path / "worker-a.err").write_text(
        "INFO 2026-01-01 10:00:00,000 controller 12 -- Deploying new app 'fte'.\n"
        "  • Direct ingress enabled\n"
        "INFO 2026-01-01 10:00:00,000 fte_Ingress wrjwqux3 -- Started HTTP server on port 31120\n"
        "INFO 2026-01-01 10:00:00,000 deployments.model_slot 12 -- the model m is live\n"
        "ERROR 2026-01-01 10:00:00,000 controller 12 -- Deploying app 'fte' failed with exception:\n"
        "Traceback (most recent call last):\n"
    )
    LogTail(tmp_path, shown.append).poll()
    assert [line.split(" -- ")[-1] for line in shown] == [
        "the model m is live",
        "Deploying app 'fte' failed with exception:",
        "Traceback (most recent call last):",
    ]


def test_records_in_json_are_shown_as_short_text(tmp_path: Path) -> None:
    shown: list[str] = []
    here = datetime(2026, 1, 1, 10, tzinfo=UTC).astimezone().strftime("%H:%M:%S")
    common = {"asctime": "2026-01-01T10:00:00.123+00:00", "levelname": "INFO", "logger": "agent.workers.turn_worker"}
    replica = {"deployment": "Agent", "replica": "abc", "conversation_id": "0000"}
    turn = {"message": "a turn was committed", "ticket_id": "TF-20260101-0001", "outcome": "reply", "ms": 41.6}
    turn |= {"attempts": 1}
    failed = {"message": "it failed", "levelname": "ERROR", "exc_text": "  File a.py, line 1\nValueError"}
    serve = {"message": "Started HTTP server", "logger": "ray.serve"}
    (tmp_path / "worker-a.err").write_text(
        "".join(json.dumps({**common, **record}) + "\n" for record in (replica | turn, serve, failed, serve | failed))
        + "a stray line\n{not JSON}\n"
    )
    LogTail(tmp_path, shown.append).poll()
    assert shown == [
        f"{here} Agent      a turn was committed  TF-20260101-0001 reply 42 ms",
        f"{here} agent.workers.turn_worker ERROR it failed\n      File a.py, line 1\n    ValueError",
        f"{here} ray.serve  ERROR it failed\n      File a.py, line 1\n    ValueError",
        "a stray line",
        "{not JSON}",
    ]


def test_records_of_several_replicas_are_shown_in_the_order_of_their_times(tmp_path: Path) -> None:
    shown: list[str] = []
    for file, seconds in (("a", (1, 4)), ("b", (2, 3))):
        lines = [
            json.dumps(
                {
                    "asctime": f"2026-01-01T10:00:0{each}+00:00",
                    "levelname": "INFO",
                    "logger": "x",
                    "message": f"m{each}",
                }
            )
            for each in seconds
        ]
        (tmp_path / f"worker-{file}.err").write_text("\n".join([*lines, f"under m{seconds[-1]}", ""]))
    LogTail(tmp_path, shown.append).poll()
    assert [line.split()[-1] for line in shown] == ["m1", "m2", "m3", "m3", "m4", "m4"]


def test_a_start_keeps_to_the_folder_that_was_synced_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_HOST", "db.example.com")
    settings = Settings()
    shipped = settings.knowledge_dir / "articles"
    assert (FollowedKnowledge(settings).folder, FollowedKnowledge(settings).changed) == (shipped, True)
    FollowedKnowledge(settings).remember(shipped)
    assert (FollowedKnowledge(settings).folder, FollowedKnowledge(settings).changed) == (shipped, False)
    own = tmp_path / "own"
    own.mkdir()
    (own / "coffee.md").write_text("# Coffee")
    monkeypatch.chdir(tmp_path)
    FollowedKnowledge(settings).remember(Path("own"))
    monkeypatch.chdir("/")
    assert (FollowedKnowledge(settings).folder, FollowedKnowledge(settings).changed) == (own, False)
    (own / "tea.md").write_text("# Tea")
    assert FollowedKnowledge(settings).changed
    own.rename(tmp_path / "gone")
    assert not FollowedKnowledge(settings).changed
    FollowedKnowledge(settings).sync()  # starts no process, which would fail
    monkeypatch.setenv("POSTGRES_DB", "another")
    assert FollowedKnowledge(Settings()).folder == shipped, "another database holds other articles"


@pytest.mark.parametrize("mark", ["", "{", "[]"])
def test_what_nobody_can_read_is_as_if_nothing_was_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_HOST", "db.example.com")
    FollowedKnowledge(Settings()).remember(tmp_path)
    (file,) = tmp_path.glob("knowledge-*.json")
    file.write_text(mark)
    assert FollowedKnowledge(Settings()).changed
    assert FollowedKnowledge(Settings()).folder != tmp_path


def test_where_there_is_no_home_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("POSTGRES_HOST", "db.example.com")
    FollowedKnowledge(Settings()).remember(tmp_path)
    assert FollowedKnowledge(Settings()).folder != tmp_path


def test_the_knowledge_counts_as_changed_with_any_file_or_the_model(tmp_path: Path) -> None:
    article = tmp_path / "a.md"
    article.write_text("one")
    digests = {knowledge_digest(tmp_path, "m"), knowledge_digest(tmp_path, "other")}
    article.write_text("two")
    digests.add(knowledge_digest(tmp_path, "m"))
    article.rename(tmp_path / "b.md")
    digests.add(knowledge_digest(tmp_path, "m"))
    assert len(digests) == 4


def test_the_start_script_keeps_haproxy_on_loopback_and_request_lines_out_of_syslog(tmp_path: Path) -> None:
    script, config = tmp_path / "haproxy", tmp_path / "haproxy.cfg"
    write_start_script(script, Ports(20000))
    # What Ray would run it as, with the real binary replaced by one that does nothing.
    script.write_text(script.read_text().rsplit("exec", 1)[0])
    config.write_text(
        "global\n    log 127.0.0.1:514 local0 info\n    log /x/metrics.sock len 8192 format rfc5424 local1 debug\n"
        "frontend prometheus\n    bind :20009\nfrontend http\n    bind 127.0.0.1:8000\n"
        "listen stats\n  bind *:20008\n"
    )
    subprocess.run([script, "-db", "-f", config, "-dR"], check=True)
    mended = config.read_text()
    assert "local0" not in mended
    assert "local1 debug" in mended
    binds = [line.split()[1] for line in mended.splitlines() if "bind" in line]
    assert binds == ["127.0.0.1:20009", "127.0.0.1:8000", "127.0.0.1:20008"]


def test_the_start_script_knows_every_listener_of_rays_template() -> None:
    """A new Ray that listens somewhere else must be noticed here, not on the network."""
    from ray.serve._private.haproxy_templates import HAPROXY_CONFIG_TEMPLATE

    binds = [line.strip() for line in HAPROXY_CONFIG_TEMPLATE.splitlines() if line.strip().startswith("bind ")]
    assert binds == [
        "bind :{{ config.metrics_port }}",
        "bind {{ config.frontend_host }}:{{ config.frontend_port }}",
        "bind {{ config.grpc_frontend_host }}:{{ config.grpc_frontend_port }} proto h2",
        "bind *:{{ config.stats_port }}",
    ]
    assert "    log {{ config.log_target }} local0 info\n" in HAPROXY_CONFIG_TEMPLATE
