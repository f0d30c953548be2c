"""The rendered configuration goes to Ray by Serve's own command, as an operator of a cluster sends it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from serve_app import render
from serve_app.settings import inherited_environment
from tests.serve.system import RunningSystem


def test_serves_own_command_deploys_the_rendered_configuration(system: RunningSystem, tmp_path: Path) -> None:
    file = tmp_path / "serve_config.yaml"
    assert render.main(["--out", str(file), "--port", str(system.port)]) == 0
    before = system.rollout().replica_ids["Ingress"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("serve")), "deploy", "--address", system.copy.dashboard_url, str(file)],
        env=inherited_environment(system.environment | {"PYTHONSAFEPATH": "1"}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 300
    while (rollout := system.rollout()).status != "RUNNING":
        assert rollout.status == "DEPLOYING", rollout
        assert time.monotonic() < deadline, rollout
        time.sleep(0.2)
    assert rollout.replica_ids["Ingress"] == before, "the same options restart nothing"
    reply = system.wait_for_reply(system.ask("How do I invite a colleague to my workspace?", "deploy@example.com"))
    assert "invite" in reply.lower()
