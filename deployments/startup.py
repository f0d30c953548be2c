"""What every replica does first: find its settings and set its logging up."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from pydantic import SecretStr

from agent.times import Times
from deployments.logs import configure_logging


class ReplicaSettings(Protocol):
    """What replicas read of `serve_app.settings.Settings`, which they must not import."""

    @property
    def environment(self) -> str: ...
    @property
    def log_level(self) -> str: ...
    @property
    def log_format(self) -> str: ...
    @property
    def openai_api_key(self) -> SecretStr: ...
    @property
    def openai_base_url(self) -> str: ...
    @property
    def openai_model(self) -> str: ...
    @property
    def twilio_account_sid(self) -> str: ...
    @property
    def twilio_auth_token(self) -> SecretStr: ...
    @property
    def twilio_whatsapp_number(self) -> str: ...
    @property
    def twilio_template_sid(self) -> str: ...
    @property
    def twilio_per_second(self) -> float: ...
    @property
    def twilio_api_url(self) -> str: ...
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
    def gmail_credentials(self) -> Mapping[str, bool]: ...
    @property
    def twilio_credentials(self) -> Mapping[str, bool]: ...
    @property
    def form_mail(self) -> bool: ...
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
    configure_logging(settings.log_level, settings.log_format, _whereabouts())
    return settings


def _whereabouts() -> dict[str, str]:
    """Which replica this process is; what runs in the controller, such as a scaling policy, has none."""
    # Who only wants the settings' shape, outside of Ray, need not wait for Ray to load.
    from ray import serve
    from ray.serve.exceptions import RayServeException

    try:
        context = serve.get_replica_context()
    except RayServeException:
        return {}
    return {"deployment": context.deployment, "replica": context.replica_tag}
