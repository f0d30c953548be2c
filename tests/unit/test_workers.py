"""Workers that a laptop's Ray forks from what is loaded already."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from serve_app.settings import CHECKOUT, inherited_environment
from serve_app.supervisor.workers import fork_server, start_worker
from serve_app.supervisor.workers.start_worker import socket_beside
from tests.waiting import wait_until

PATIENCE_S = 60.0
# What a forked worker runs here in the place of Ray's script: says what it is, and stays when it is told to.
SCRIPT = """
import json, os, random, resource, signal, sys, time
json.dump({
    "name": __name__, "arguments": sys.argv, "pid": os.getpid(), "parent": os.getppid(), "group": os.getpgid(0),
    "folder": os.getcwd(), "greeting": os.environ.get("RAY_GREETING"), "only_there": os.environ.get("RAY_ONLY_THERE"),
    "niceness": os.getpriority(os.PRIO_PROCESS, 0), "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "oom_score": open("/proc/self/oom_score_adj").read().strip(), "chance": random.random(),
    "loaded": [name for name in ("numpy", "fastapi", "ray") if name in sys.modules],
    "child_signal": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
    "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
}, sys.stdout, default=str)
sys.stdout.flush()
sys.stderr.write("to the other stream")
for argument in sys.argv:
    if argument.startswith("--touch="):
        open(argument.removeprefix("--touch="), "w").close()
if "stay" in sys.argv:
    time.sleep(3600)
sys.exit(3)
"""
# As the raylet starts a worker, with limits of its own; prints nothing itself.
ASK = """
import os, resource, sys
from pathlib import Path
from serve_app.supervisor.workers.start_worker import ask
if "limited" in sys.argv:
    os.nice(3)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 600))
    Path("/proc/self/oom_score_adj").write_text("900")
ask(Path(sys.argv[1]), sys.argv[2:])
"""


class Server:
    """A real fork server, and whatever is to ask it."""

    def __init__(self, folder: Path, prelude: str = "") -> None:
        self.ray_folder = folder / "ray"
        self.socket = socket_beside(self.ray_folder)
        self.script = folder / "worker.py"
        self.script.write_text(SCRIPT, encoding="utf-8")
        # Elsewhere, with nothing of the one who asks.
        code = f"{prelude}\nfrom {fork_server.__name__} import main\nmain()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(self.ray_folder)],
            env=environment(RAY_ONLY_THERE="yes"), cwd="/", stdin=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self.listens)

    def ask(self, *arguments: str, cwd: Path | None = None, **variables: str) -> tuple[int, dict[str, Any], str]:
        """The status of who asked, what the worker said on its output, and what came on the other stream."""
        done = subprocess.run(
            [sys.executable, "-c", ASK, str(self.socket), str(self.script), *arguments],
            env=environment(**variables), cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    def listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            return connection.connect_ex(str(self.socket)) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def environment(**variables: str) -> dict[str, str]:
    """The same for all, so that they differ in nothing but `variables`."""
    inherited = inherited_environment({"PYTHONPATH": str(CHECKOUT), "PYTHONSAFEPATH": "1", **variables})
    return {name: value for name, value in inherited.items() if not name.startswith("PYTEST_")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("run"))
    yield running
    running.end()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes one of the test's own."""
    started: list[Server] = []

    def start(prelude: str = "") -> Server:
        started.append(Server(tmp_path, prelude))
        return started[-1]

    yield start
    for each in started:
        each.end()


def test_a_worker_is_as_if_the_raylet_had_started_it(server: Server, tmp_path: Path) -> None:
    status, worker, errors = server.ask("--one", "two words", cwd=tmp_path, RAY_GREETING="grüß dich")
    assert status == 0
    assert worker["name"] == "__main__"
    assert worker["arguments"] == [str(server.script), "--one", "two words"]
    assert worker["folder"] == str(tmp_path)
    assert (worker["greeting"], worker["only_there"]) == ("grüß dich", None)
    assert worker["group"] == worker["pid"]
    assert worker["child_signal"]
    assert worker["interrupt"]
    assert errors == "to the other stream"


def test_a_worker_has_its_libraries_from_the_server_but_nothing_of_ray(server: Server) -> None:
    _, worker, _ = server.ask()
    assert worker["parent"] == server.process.pid
    assert worker["loaded"] == ["numpy", "fastapi"]


def test_limits_that_the_raylet_sets_reach_the_worker(server: Server) -> None:
    _, worker, _ = server.ask("limited")
    assert (worker["niceness"], worker["open_files"], worker["oom_score"]) == (3, 512, "900")
    assert psutil.Process(server.process.pid).nice() == 0


def test_no_two_workers_draw_the_same_numbers(server: Server) -> None:
    assert len({server.ask()[1]["chance"] for _ in range(3)}) == 3


def test_a_worker_that_has_ended_leaves_nothing(server: Server) -> None:
    # Whoever asked has ended by then, and its streams are the worker's.
    asked = subprocess.Popen(
        [sys.executable, "-c", ASK, str(server.socket), str(server.script), "stay"],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert asked.wait(PATIENCE_S) == 0
    assert asked.stdout is not None
    said = b""
    while not said.endswith(b"}"):
        said += os.read(asked.stdout.fileno(), 1 << 16)
    worker = psutil.Process(json.loads(said)["pid"])
    assert worker.ppid() == server.process.pid
    worker.send_signal(signal.SIGKILL)
    wait_until(lambda: not worker.is_running())
    asked.stdout.close()


def test_who_asks_for_what_cannot_begin_is_told_and_the_server_goes_on(server: Server, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    hold = f"import os; os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); os.getcwd = lambda: {str(gone)!r}\n{ASK}"
    asked = subprocess.run(
        [sys.executable, "-c", hold, str(server.socket), str(server.script)],
        env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert "ConnectionError" in asked.stderr
    assert asked.stdout == ""
    assert server.ask()[0] == 0


@pytest.mark.parametrize("request_", [b"", b"not JSON", b"{}", b"[]", b"\xff", b'{"began": {}}', b'{"began": 1}'])
@pytest.mark.parametrize("streams", [0, 3])
def test_what_is_no_request_is_hung_up_on(server: Server, request_: bytes, streams: int) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(str(server.socket))
        socket.send_fds(connection, [b"\0" + request_], range(streams))
        connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # where it did not read to the end
            assert connection.recv(1) == b""
    assert server.ask()[0] == 0


@pytest.mark.parametrize("variable", ["PYTHONPATH", "TZ", "PYTHONOPTIMIZE"])
def test_whoever_would_load_otherwise_gets_no_worker(server: Server, variable: str, tmp_path: Path) -> None:
    """A runtime environment may give a worker other packages than those that are loaded, or what these read."""
    other = {"PYTHONPATH": f"{CHECKOUT}{os.pathsep}{tmp_path}", "TZ": "Asia/Tokyo", "PYTHONOPTIMIZE": "1"}[variable]
    status, worker, errors = server.ask(**{variable: other})
    assert status != 0
    assert worker == {}
    assert "ConnectionError" in errors


def test_a_server_that_dies_while_somebody_waits_lets_go(
    start_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server()
    server.process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(start_worker, "describe_this_process", lambda arguments: (server.end(), "too late")[1])
    with pytest.raises(ConnectionError):
        start_worker.ask(server.socket, [])


def test_a_server_that_hangs_keeps_nobody_and_starts_nothing_later(
    start_server: Callable[..., Server], tmp_path: Path
) -> None:
    server, late = start_server(), tmp_path / "late"
    assert server.ask()[0] == 0  # it has loaded
    server.process.send_signal(signal.SIGSTOP)
    hangs = "import sys\nfrom serve_app.supervisor.workers import start_worker\nstart_worker._PATIENCE_S = 0.3\n" + ASK
    errors = tmp_path / "errors"
    with errors.open("wb") as stream:  # no pipe: the request, which waits at the server, has its end too
        subprocess.run(
            [sys.executable, "-c", hangs, str(server.socket), str(server.script), f"--touch={late}"],
            env=environment(), stdout=stream, stderr=stream, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
    assert "ConnectionError" in errors.read_text(encoding="utf-8")
    server.process.send_signal(signal.SIGCONT)
    # Requests are taken in turn, so that the late one has been.
    assert server.ask(f"--touch={tmp_path / 'next'}")[0] == 0
    wait_until(lambda: not psutil.Process(server.process.pid).children())
    assert (tmp_path / "next").exists()
    assert not late.exists()


def test_a_system_that_forks_no_more_is_survived(start_server: Callable[..., Server]) -> None:
    fails_once = """
import os
fork = os.fork
def fail():
    os.fork = fork
    raise BlockingIOError("no more processes")
os.fork = fail
"""
    server = start_server(fails_once)
    status, _, errors = server.ask()
    assert status != 0
    assert "ConnectionError" in errors
    assert server.ask()[0] == 0


def test_without_a_server_the_raylet_gets_rays_own_worker(tmp_path: Path) -> None:
    """Ray's script says which of its arguments are missing."""
    done = subprocess.run(
        [sys.executable, start_worker.__file__, f"--temp-dir={tmp_path / 'ray'}", "--node-id=x"],
        env=environment(), capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert "a worker loads by itself" in done.stderr
    assert "default_worker.py: error: the following arguments are required" in done.stderr


def test_what_is_loaded_before_a_fork_can_be_forked() -> None:
    """No thread, which a fork would not have, and nothing of Ray."""
    code = """
import importlib, json, os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
from serve_app.supervisor.workers.fork_server import PRELOADED
for module in PRELOADED:
    importlib.import_module(module)
print(json.dumps([len(os.listdir("/proc/self/task")), sorted(sys.modules)]))
"""
    threads, loaded = json.loads(_python(code))
    assert threads == 1
    assert not {"ray", "torch", "openai", "agents"} & set(loaded)


def test_what_is_loaded_before_a_fork_is_what_workers_load() -> None:
    code = """
import json, sys
import ray._private.workers.default_worker, ray.serve._private.replica
import deployments.agent, deployments.courier, deployments.ingress, deployments.routes.support, deployments.sentiment
import crm.desk, serve_app.settings
print(json.dumps(sorted(sys.modules)))
"""
    assert set(fork_server.PRELOADED) - set(json.loads(_python(code))) == set()


def _python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return done.stdout.splitlines()[-1]
