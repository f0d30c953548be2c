"""The table of deployment options and what is rendered from it."""

from __future__ import annotations

import json

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from serve_app.options import OPTIONS, TURNS_PER_AGENT
from serve_app.render import CONFIG_FILE, main, rendered, serve_config


def test_every_deployment_fits_two_cores_at_its_largest() -> None:
    assert sum(options.cpus * options.scaling.most for options in OPTIONS.values()) <= 2.0


def test_the_agent_takes_at_least_what_the_dispatcher_gives_it() -> None:
    assert OPTIONS["Agent"].max_ongoing >= TURNS_PER_AGENT


def test_serve_accepts_the_rendered_configuration() -> None:
    schema = ServeDeploySchema.model_validate(yaml.safe_load(rendered()))
    names = {deployment.name for deployment in schema.applications[0].deployments}
    assert names == set(OPTIONS)


def test_the_rendered_file_equals_the_table() -> None:
    assert main(["--check"]) == 0
    assert yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8")) == serve_config()


def test_drift_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(OPTIONS, "Courier", OPTIONS["Agent"])
    assert main(["--check"]) == 1
    assert "python -m serve_app.render" in capsys.readouterr().err


def test_the_settings_reach_the_configuration_and_no_secret_does() -> None:
    config = serve_config("0.0.0.0", 9001, "my-model", "DEBUG")
    assert config["http_options"]["port"] == 9001
    embedding = next(each for each in config["applications"][0]["deployments"] if each["name"] == "Embedding")
    assert embedding["user_config"]["model"] == "my-model"
    assert json.loads(json.dumps(config)) == config
