"""The table of deployment options. Every Serve configuration, and what `serve_app:build` binds, is made from it.

The CPUs of a laptop are shares that fit two cores with every deployment at its largest; Ray only counts them. Those
of a cluster are what a busy replica takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from serve_app.settings import SETTINGS_FACTORY

APP_NAME = "fte"
IMPORT_PATH = "serve_app:build"
TURNS_PER_AGENT = 32
"""How many turns the dispatcher gives one agent at a time; most of a turn is waiting."""

# Beside a full machine a second agent took 20 % off the turns a second, and acknowledgements waited for it.
_SPARE_CORES = 0.3


@dataclass(frozen=True, slots=True)
class Scaling:
    """Replicas between `least` and `most`. `policy_kwargs` selects the queue-depth policy (JSON values only), which
    adds none while fewer than `spare_cores` of the machine are idle."""

    least: int = 1
    most: int = 1
    target_ongoing: int = 2
    upscale_delay_s: float = 5.0
    downscale_delay_s: float = 120.0
    policy_kwargs: dict[str, str | int | float] | None = None
    spare_cores: float = 0.0

    def as_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "min_replicas": self.least,
            "initial_replicas": self.least,
            "max_replicas": self.most,
            "target_ongoing_requests": self.target_ongoing,
            "upscale_delay_s": self.upscale_delay_s,
            "downscale_delay_s": self.downscale_delay_s,
        }
        if self.policy_kwargs is not None:
            config["policy"] = {
                "policy_function": "deployments.autoscaling:QueueDepthPolicy",
                "policy_kwargs": {
                    "settings_factory": SETTINGS_FACTORY,
                    **self.policy_kwargs,
                    "spare_cores": self.spare_cores,
                },
            }
        return config


@dataclass(frozen=True, slots=True)
class DeploymentOptions:
    """`drain_s` bounds what a stopping replica may still finish. A dead one is noticed at its next check."""

    cpus: float
    max_ongoing: int
    scaling: Scaling
    drain_s: float = 10.0
    check_period_s: float = 1.0
    check_timeout_s: float = 30.0
    max_queued: int = -1
    user_config: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    gpus: float = 0.0

    def as_options(self) -> dict[str, Any]:
        """As `.options()` and the Serve YAML name them."""
        options: dict[str, Any] = {
            "ray_actor_options": {"num_cpus": self.cpus} | ({"num_gpus": self.gpus} if self.gpus else {}),
            "max_ongoing_requests": self.max_ongoing,
            "max_queued_requests": self.max_queued,
            "autoscaling_config": self.scaling.as_config(),
            "health_check_period_s": self.check_period_s,
            "health_check_timeout_s": self.check_timeout_s,
            "graceful_shutdown_wait_loop_s": 0.2,
            "graceful_shutdown_timeout_s": self.drain_s,
            **self.extra,
        }
        if self.user_config is not None:
            options["user_config"] = self.user_config
        return options


class Profile(StrEnum):
    """Where the application runs."""

    LAPTOP = "laptop"
    CLUSTER = "cluster"
    """With GPUs, which the embedding runs on."""
    CLUSTER_WITHOUT_GPU = "cluster-without-gpu"


OPTIONS: dict[str, DeploymentOptions] = {
    "Ingress": DeploymentOptions(
        cpus=0.15,
        # Up to a hundred of them are open event streams of customers who wait.
        max_ongoing=400,
        # Two, so that the loss of one fails at most the requests that it had.
        scaling=Scaling(least=2, most=3, target_ongoing=60),
        max_queued=200,
        extra={"backpressure_config": {"status_code": 503, "retry_after_s": 1}},
    ),
    "Embedding": DeploymentOptions(
        cpus=0.3,
        max_ongoing=256,
        # Turns share calls, so a replica of the agent has one or two calls of many texts under way.
        scaling=Scaling(most=2, target_ongoing=4, upscale_delay_s=30),
        user_config={"model": "", "torch_threads": 1, "max_batch": 32},
    ),
    "Sentiment": DeploymentOptions(cpus=0.05, max_ongoing=100, scaling=Scaling(most=2, target_ongoing=40)),
    "Agent": DeploymentOptions(
        cpus=0.2,
        # Over what the dispatcher gives, so that nothing that it gives is turned away.
        max_ongoing=TURNS_PER_AGENT + 8,
        scaling=Scaling(
            # One computes about 70 turns a second, which is more than the rest of two cores can feed.
            most=2,
            target_ongoing=TURNS_PER_AGENT,
            # A start costs seconds of a core, which a short burst must not pay for.
            upscale_delay_s=20,
            policy_kwargs={"per_replica": 200, "max_age_s": 15.0, "turns_per_replica": TURNS_PER_AGENT},
            spare_cores=_SPARE_CORES,
        ),
        drain_s=20.0,
    ),
    "Dispatcher": DeploymentOptions(
        cpus=0.05,
        max_ongoing=10,
        scaling=Scaling(
            most=2,
            upscale_delay_s=30,
            policy_kwargs={"per_replica": 2000, "max_age_s": 60.0},
            spare_cores=_SPARE_CORES,
        ),
    ),
    "Courier": DeploymentOptions(cpus=0.05, max_ongoing=10, scaling=Scaling(), drain_s=15.0),
}


def options_of(profile: Profile) -> dict[str, DeploymentOptions]:
    """The table of a profile: what differs from a laptop is how much of each deployment there is, and on what."""
    if profile is Profile.LAPTOP:
        return OPTIONS
    embedding = _EMBEDDING_ON_GPU if profile is Profile.CLUSTER else _EMBEDDING_ON_CPU
    changes = {**_ON_A_CLUSTER, "Embedding": embedding}
    return {name: _changed(options, **changes[name]) for name, options in OPTIONS.items()}


def _changed(options: DeploymentOptions, scaling: dict[str, Any], **changes: Any) -> DeploymentOptions:
    return replace(options, scaling=replace(options.scaling, **scaling), **changes)


# Two replicas or more of whatever a customer would notice the loss of; the most is bounded by what Postgres lets in,
# which a test of the cluster files adds up. A new one goes to whatever machine has room: the cores of none are a
# condition.
_ON_A_CLUSTER: dict[str, dict[str, Any]] = {
    "Ingress": {"cpus": 0.5, "scaling": {"least": 2, "most": 8}},
    "Sentiment": {"cpus": 0.25, "scaling": {"most": 4}},
    "Agent": {"cpus": 1.0, "scaling": {"least": 2, "most": 12, "spare_cores": 0.0}},
    "Dispatcher": {"cpus": 0.25, "scaling": {"most": 3, "spare_cores": 0.0}},
    "Courier": {"cpus": 0.25, "scaling": {}},
}
# Half a GPU: the model takes a hundredth of its memory, and one replica prepares a batch while the other computes. No
# CPU: nodes with a GPU offer none to Ray, so that only what asks for a GPU comes to them.
_EMBEDDING_ON_GPU: dict[str, Any] = {
    "cpus": 0.0,
    "gpus": 0.5,
    "scaling": {"least": 2, "most": 4, "target_ongoing": 8},
    "user_config": {"model": "", "torch_threads": 1, "max_batch": 64},
}
_EMBEDDING_ON_CPU: dict[str, Any] = {
    "cpus": 2.0,
    "scaling": {"least": 2, "most": 6},
    "user_config": {"model": "", "torch_threads": 2, "max_batch": 32},
}
