"""cluster.yaml: accepted by the validator of Ray's own launcher, and in step with the code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from serve_app.options import Profile, options_of
from serve_app.settings import Settings
from tests.cluster_files import ROOT, environment_file

FILE = ROOT / "cluster.yaml"


def cluster() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def commands() -> list[str]:
    found = cluster()
    names = ("setup_commands", "head_setup_commands", "head_start_ray_commands", "worker_start_ray_commands")
    return [command for name in names for command in found[name]]


def test_the_launcher_accepts_it() -> None:
    prepared = prepare_config(cluster())
    validate_config(prepared)
    assert prepared["available_node_types"]["head"]["max_workers"] == 0
    assert prepared["worker_setup_commands"] == cluster()["setup_commands"]


def test_the_launchers_validator_finds_a_key_of_yesterday() -> None:
    old = cluster() | {"target_utilization_fraction": 0.8}
    with pytest.raises(jsonschema.ValidationError):
        validate_config(prepare_config(old))


def test_the_head_does_no_work_and_the_embedding_has_gpus() -> None:
    types = cluster()["available_node_types"]
    assert cluster()["head_node_type"] == "head"
    assert types["head"]["resources"] == {"CPU": 0}
    assert types["gpu"]["resources"] == {"CPU": 0, "GPU": 1}
    assert cluster()["max_workers"] >= sum(types[name]["max_workers"] for name in ("cpu", "gpu"))
    table = options_of(Profile.CLUSTER).values()
    for count, of in (("min_workers", "least"), ("max_workers", "most")):
        cpus = sum(each.cpus * getattr(each.scaling, of) for each in table)
        gpus = sum(each.gpus * getattr(each.scaling, of) for each in table)
        assert cpus <= types["cpu"]["resources"]["CPU"] * types["cpu"][count]
        assert gpus <= types["gpu"]["resources"]["GPU"] * types["gpu"][count]


@pytest.mark.parametrize("name", ["head_start_ray_commands", "worker_start_ray_commands"])
def test_the_environment_is_set_before_ray_starts(name: str) -> None:
    start = cluster()[name][-1]
    before, _, after = start.partition("ray start ")
    for needed in ("~/fte/k8s/settings/ray.env", "~/fte/cluster.env", "RAY_AUTH_TOKEN_PATH=~/.ray/auth_token"):
        assert needed in before
        assert needed not in after
    assert environment_file(ROOT / "k8s" / "settings" / "ray.env")["RAY_AUTH_MODE"] == "token"
    assert "--dashboard-host=127.0.0.1" in after or name == "worker_start_ray_commands"


def test_what_the_commands_read_is_mounted() -> None:
    assert cluster()["file_mounts"] == {"/home/ubuntu/fte": ".", "/home/ubuntu/.ray/auth_token": "~/.ray/auth_token"}
    read = {path for command in commands() for path in re.findall(r"~/fte/([\w./-]+)", command)}
    assert read == {"k8s/settings/ray.env", "constraints.txt", "cluster.env"}
    assert all((ROOT / path).exists() for path in read - {"cluster.env"})
    assert "cluster.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_every_package_that_is_installed_is_pinned() -> None:
    for command in commands():
        if "install" in command:
            assert "==" in command or "--constraints" in command


@pytest.mark.parametrize("command", commands())
def test_a_shell_understands_every_command(command: str) -> None:
    subprocess.run(["bash", "-n", "-c", command], check=True)


def test_the_environment_reaches_ray_through_the_start_command(tmp_path: Path) -> None:
    """The real command, in a home of its own, with something else in Ray's place."""
    home = tmp_path
    (home / "fte" / "k8s" / "settings").mkdir(parents=True)
    ray_env = ROOT / "k8s" / "settings" / "ray.env"
    (home / "fte" / "k8s" / "settings" / "ray.env").write_bytes(ray_env.read_bytes())
    (home / "fte" / "cluster.env").write_text("POSTGRES_PASSWORD='a b$c'\n", encoding="utf-8")
    (home / "venv" / "bin").mkdir(parents=True)
    ray = home / "venv" / "bin" / "ray"
    ray.write_text('#!/bin/bash\necho "$@"\nenv\n', encoding="utf-8")
    ray.chmod(0o755)
    command = cluster()["worker_start_ray_commands"][-1]
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "RAY_HEAD_IP": "10.0.0.1"}
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=True)
    arguments, *variables = done.stdout.splitlines()
    assert arguments.startswith("start --address=10.0.0.1:6379")
    expected = environment_file(ray_env) | {
        "POSTGRES_PASSWORD": "a b$c",
        "RAY_AUTH_TOKEN_PATH": f"{home}/.ray/auth_token",
        "PYTHONPATH": f"{home}/fte",
    }
    assert {f"{name}={value}" for name, value in expected.items()} <= set(variables)


def test_the_example_names_known_settings_and_holds_no_secret() -> None:
    example = environment_file(ROOT / "cluster.example.env")
    known = {str(field.validation_alias or name.upper()) for name, field in Settings.model_fields.items()}
    assert example.keys() <= known
    secret = [name for name in example if re.search("PASSWORD|KEY|SECRET|TOKEN", name)]
    assert len(secret) == 4
    assert {example[name] for name in secret} == {""}
