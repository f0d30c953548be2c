"""What every replica does first: find its settings and say its log lines to stderr."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Protocol, cast

from pydantic import SecretStr

from agent.times import Times


class ReplicaSettings(Protocol):
    """What replicas read of `serve_app.settings.Settings`, which they must not import."""

    @property
    def environment(self) -> str: ...
    @property
    def log_level(self) -> str: ...
    @property
    def openai_api_key(self) -> SecretStr: ...
    @property
    def openai_base_url(self) -> str: ...
    @property
    def openai_model(self) -> str: ...
    @property
    def home(self) -> Path: ...
    @property
    def operator_key(self) -> SecretStr: ...
    @property
    def token_secret(self) -> SecretStr: ...
    @property
    def embedding_model(self) -> str: ...
    @property
    def lock_shards(self) -> int: ...
    @property
    def allowed_origins(self) -> tuple[str, ...]: ...
    @property
    def trusted_proxies(self) -> tuple[str, ...]: ...
    @property
    def form_per_email(self) -> int: ...
    @property
    def form_per_address(self) -> int: ...
    @property
    def times(self) -> Times: ...
    @property
    def base_url(self) -> str: ...
    @property
    def knowledge_dir(self) -> Path: ...
    def dsn(self) -> str: ...


def start_replica(settings_factory: str) -> ReplicaSettings:
    """Call the factory that `settings_factory` ("module:function") names, and set the process's logging up.

    The reference travels in bind arguments instead of the settings, so that no secret does.
    """
    module, _, function = settings_factory.partition(":")
    settings = cast(ReplicaSettings, getattr(importlib.import_module(module), function)())
    configure_logging(settings.log_level)
    return settings


def configure_logging(level: str) -> None:
    """Log to stderr, where Ray keeps each process's lines; Serve's own logger is left as Serve made it."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(levelname)s %(asctime)s %(name)s %(process)d -- %(message)s",
        force=True,
    )
    # Their request lines hold addresses of services and customers' words.
    for noisy in ("httpx", "httpcore", "openai", "openai.agents"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
