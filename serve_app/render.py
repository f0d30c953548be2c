"""Writes serve_config.yaml from the table of options; `--check` only compares."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from serve_app.options import APP_NAME, IMPORT_PATH, OPTIONS
from serve_app.settings import CHECKOUT, SETTINGS_FACTORY

CONFIG_FILE = CHECKOUT / "serve_config.yaml"
_HEADER = "# Made by `python -m serve_app.render` from serve_app/options.py; edit the table, not this file.\n"


def serve_config(
    host: str = "127.0.0.1", port: int = 8000, embedding_model: str = "", log_level: str = "INFO"
) -> dict[str, Any]:
    """The whole configuration as Serve's declarative interface takes it (ServeDeploySchema)."""
    deployments = [{"name": name, **options.as_options()} for name, options in OPTIONS.items()]
    for deployment in deployments:
        if deployment["name"] == "Embedding":
            deployment["user_config"] = {**deployment["user_config"], "model": embedding_model}
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": host, "port": port, "request_timeout_s": 60, "keep_alive_timeout_s": 75},
        # A path may hold the token of a ticket, so requests are counted but not logged.
        "logging_config": {"encoding": "TEXT", "log_level": log_level, "enable_access_log": False},
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


def rendered() -> str:
    return _HEADER + yaml.safe_dump(serve_config(), sort_keys=False, width=110)


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        current = CONFIG_FILE.read_text(encoding="utf-8") if CONFIG_FILE.exists() else ""
        if current != rendered():
            sys.stderr.write(f"{CONFIG_FILE.name} differs from the table; run: python -m serve_app.render\n")
            return 1
        return 0
    CONFIG_FILE.write_text(rendered(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
