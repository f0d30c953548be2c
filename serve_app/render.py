"""Writes every Serve configuration from the table of options: serve_config.yaml, and the parts of k8s/ that hold one.

`--check` only compares. `--out FILE` writes one configuration for whoever deploys it with `serve deploy`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from agent.errors import ConfigurationInvalid
from serve_app.options import APP_NAME, IMPORT_PATH, Profile, options_of
from serve_app.settings import CHECKOUT, SETTINGS_FACTORY

CONFIG_FILE = CHECKOUT / "serve_config.yaml"
RAY_SERVICE_FILE = CHECKOUT / "k8s" / "base" / "rayservice.yaml"
WITHOUT_GPU_FILE = CHECKOUT / "k8s" / "overlays" / "without-gpu" / "serve-config.yaml"
_HEADER = "# Made by `python -m serve_app.render` from serve_app/options.py; edit the table, not this file.\n"
_BEGIN = "  # Made by `python -m serve_app.render` from serve_app/options.py: begin\n"
_END = "  # Made by `python -m serve_app.render`: end\n"


def serve_config(
    host: str = "127.0.0.1",
    port: int = 8000,
    embedding_model: str = "",
    log_level: str = "INFO",
    log_format: str = "json",
    profile: Profile = Profile.LAPTOP,
) -> dict[str, Any]:
    """The whole configuration as Serve's declarative interface takes it (ServeDeploySchema)."""
    deployments = [{"name": name, **options.as_options()} for name, options in options_of(profile).items()]
    for deployment in deployments:
        if deployment["name"] == "Embedding":
            deployment["user_config"] = {**deployment["user_config"], "model": embedding_model}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": host, "port": port, "request_timeout_s": 60, "keep_alive_timeout_s": 75},
        # A path may hold the token of a ticket, so requests are counted but not logged.
        "logging_config": {
            "encoding": log_format.upper(),
            "log_level": log_level,
            "enable_access_log": False,
        },
        "applications": [
            {
                "name": APP_NAME,
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": {"settings_factory": SETTINGS_FACTORY},
                "deployments": deployments,
            }
        ],
    }


def cluster_config(profile: Profile) -> dict[str, Any]:
    """The configuration of a cluster, whose nodes are reached from other machines."""
    return serve_config(host="0.0.0.0", profile=profile)  # noqa: S104  # the network policy says who may come


def as_yaml(config: dict[str, Any]) -> str:
    return yaml.safe_dump(config, sort_keys=False, width=110)


def rendered_files() -> Iterator[tuple[Path, str]]:
    """Each file that holds a configuration, and what must be in it. Raises ConfigurationInvalid."""
    yield CONFIG_FILE, _HEADER + as_yaml(serve_config())
    block = "  serveConfigV2: |\n" + indent(as_yaml(cluster_config(Profile.CLUSTER)), "    ")
    yield RAY_SERVICE_FILE, _with_block(RAY_SERVICE_FILE, block)
    without_gpu = as_yaml(cluster_config(Profile.CLUSTER_WITHOUT_GPU))
    yield (
        WITHOUT_GPU_FILE,
        f"{_HEADER}apiVersion: ray.io/v1\nkind: RayService\nmetadata:\n  name: {APP_NAME}\nspec:\n"
        f"  serveConfigV2: |\n{indent(without_gpu, '    ')}",
    )


def _with_block(file: Path, block: str) -> str:
    """The file as it is, with `block` between its two marks."""
    before, begin, rest = file.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ConfigurationInvalid(f"{file.name} must hold the two lines that say where its Serve configuration is")
    return f"{before}{begin}{block}{end}{after}"


def main(arguments: Sequence[str]) -> int:
    options = _parse(arguments)
    if options.out is not None:
        config = serve_config(options.host, options.port, options.embedding_model, profile=options.profile)
        options.out.write_text(_HEADER + as_yaml(config), encoding="utf-8")
        return 0
    stale = [(file, text) for file, text in rendered_files() if not file.exists() or file.read_text("utf-8") != text]
    for file, text in stale:
        if options.check:
            name = file.relative_to(CHECKOUT)
            sys.stderr.write(f"{name} differs from the table; run: python -m serve_app.render\n")
        else:
            file.write_text(text, encoding="utf-8")
    return 1 if options.check and stale else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m serve_app.render", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit status 1 when a file is stale")
    parser.add_argument("--out", type=Path, help="write one configuration to this file instead")
    parser.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.LAPTOP)
    parser.add_argument("--host", default="127.0.0.1", help="where HTTP listens on each node")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--embedding-model", default="", help="empty: the one of the settings")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
