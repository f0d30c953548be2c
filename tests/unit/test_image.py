"""The Dockerfile, what reaches its builder, and compose.yaml."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from serve_app.settings import Settings
from tests.cluster_files import (
    K8S,
    ROOT,
    copied_into_image,
    document,
    environment_file,
    instructions,
    lay_out_image,
)

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
NOT_IN_THE_IMAGE = {"load"}
"""Measures the product from outside."""


def tool(name: str) -> str:
    """A command of the development extra."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is missing: make venv installs it"
    return found


def hadolint(text: str) -> str:
    done = subprocess.run(
        [tool("hadolint"), "--no-color", "-"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_linter_of_dockerfiles_finds_nothing() -> None:
    assert hadolint(DOCKERFILE) == ""


def test_the_linter_would_find_something() -> None:
    assert "DL3002" in hadolint(re.sub(r"(?m)^USER .*$", "USER root", DOCKERFILE))


def test_the_image_runs_as_somebody_else_than_root() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    users = [arguments for name, arguments in instructions(f"FROM {final}") if name == "USER"]
    (user,) = users
    pod = document(K8S / "jobs" / "jobs.yaml", "Job", "fte-migrate")["spec"]["template"]["spec"]["securityContext"]
    assert user == f"{pod['runAsUser']}:{pod['runAsGroup']}"


def test_every_base_is_pinned_to_the_python_of_the_project() -> None:
    bases = [arguments.split()[0] for name, arguments in instructions(DOCKERFILE) if name == "FROM"]
    assert bases == ["${PYTHON_IMAGE}", "${PYTHON_IMAGE}"]
    (image,) = [each.partition("=")[2] for name, each in instructions(DOCKERFILE) if each.startswith("PYTHON_IMAGE=")]
    version = re.fullmatch(r"python:(\d+)\.(\d+)\.\d+-slim-\w+", image)
    assert version
    assert f">={version[1]}.{version[2]}," in PYPROJECT["project"]["requires-python"]
    assert not [name for name, _ in instructions(DOCKERFILE) if name == "ADD"]


def test_the_image_holds_every_package_and_the_knowledge() -> None:
    packages = {each.rstrip("*") for each in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    existing = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == existing
    copied = set(copied_into_image())
    assert copied == packages - NOT_IN_THE_IMAGE | {"knowledge", "README.md", "pyproject.toml", "constraints.txt"}


def test_the_builder_sees_what_is_copied_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(copied_into_image())
    assert "**/.*" in rules[rules.index("*") :]


def test_what_the_image_holds_is_enough_to_run_the_command(tmp_path: Path) -> None:
    lay_out_image(tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1", "HOME": "/tmp"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import serve_app, sys; print(serve_app.__file__); from serve_app.cli import main; main()",
        ],
        cwd="/",
        env=environment | {"POSTGRES_HOST": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith(str(tmp_path)), done.stderr
    assert "Usage" in done.stdout + done.stderr


def test_the_specification_of_compose_is_kept(tmp_path: Path) -> None:
    assert check_compose(ROOT / "compose.yaml") == 0
    broken = tmp_path / "compose.yaml"
    broken.write_text((ROOT / "compose.yaml").read_text("utf-8").replace("restart:", "restarts:"), encoding="utf-8")
    assert check_compose(broken) == 1


def check_compose(file: Path) -> int:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode


def test_compose_listens_on_loopback_only() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_starts_things_in_the_order_of_their_dependence() -> None:
    wait = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in COMPOSE["services"].items()
    }
    done = "service_completed_successfully"
    assert wait == {
        "postgres": {},
        "migrate": {"postgres": "service_healthy"},
        "knowledge": {"migrate": done},
        "ray": {"migrate": done, "knowledge": done},
    }


def test_compose_uses_the_images_of_the_manifests() -> None:
    application = {service["image"] for name, service in COMPOSE["services"].items() if name != "postgres"}
    assert application == {f"customer-success-fte:{PYPROJECT['project']['version']}"}
    stateful = document(K8S / "postgres" / "postgres.yaml", "StatefulSet", "postgres")
    (postgres,) = stateful["spec"]["template"]["spec"]["containers"]
    assert COMPOSE["services"]["postgres"]["image"] == postgres["image"]


def test_compose_takes_rays_environment_and_its_secrets_from_files() -> None:
    example = environment_file(ROOT / "compose.example.env")
    known = {str(field.validation_alias or name.upper()) for name, field in Settings.model_fields.items()}
    assert example.keys() - {"RAY_AUTH_TOKEN"} <= known
    secret = [name for name in example if re.search("PASSWORD|KEY|SECRET|TOKEN", name)]
    assert {example[name] for name in secret} == {""}
    for name, service in COMPOSE["services"].items():
        if name != "postgres":
            assert [each["path"] for each in service["env_file"]] == ["k8s/settings/ray.env", "compose.env"]
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
        assert not [key for key, value in service["environment"].items() if key in secret and not value.startswith("$")]
    assert "compose.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("service", ["ray"])
def test_a_shell_understands_the_script_of_compose(service: str) -> None:
    script = COMPOSE["services"][service]["command"][-1].replace("$$", "$")
    subprocess.run(["bash", "-n", "-c", script], check=True)
