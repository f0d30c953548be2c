"""What the cluster files say, read as they are: the manifests, the environment files, what the image holds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
K8S = ROOT / "k8s"


def documents(file: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document is not None]


def document(file: Path, kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in documents(file) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def ray_service() -> dict[str, Any]:
    return document(K8S / "base" / "rayservice.yaml", "RayService", "fte")


def environment_file(file: Path) -> dict[str, str]:
    """NAME=value lines, as `kubectl`, Docker Compose and a shell read them."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Each instruction of a Dockerfile with its arguments, continued lines joined."""
    whole = ""
    for line in dockerfile.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        whole += line.rstrip().removesuffix("\\")
        if not line.rstrip().endswith("\\"):
            name, _, arguments = whole.strip().partition(" ")
            yield name.upper(), " ".join(arguments.split())
            whole = ""


def copied_into_image() -> list[str]:
    """What the Dockerfile copies from the checkout."""
    copies = [arguments for name, arguments in instructions((ROOT / "Dockerfile").read_text("utf-8")) if name == "COPY"]
    return [source for each in copies if not each.startswith("--from") for source in each.split()[:-1]]


def lay_out_image(folder: Path) -> None:
    """Put into `folder` what the image has in /app."""
    for source in copied_into_image():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(ROOT / source, folder / source)
