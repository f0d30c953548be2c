"""The table of deployment options and what is rendered from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from serve_app.options import OPTIONS, TURNS_PER_AGENT, Profile, options_of
from serve_app.render import CONFIG_FILE, main, rendered_files, serve_config


def test_every_deployment_fits_two_cores_at_its_largest() -> None:
    assert sum(options.cpus * options.scaling.most for options in OPTIONS.values()) <= 2.0


@pytest.mark.parametrize("profile", Profile)
def test_the_agent_takes_at_least_what_the_dispatcher_gives_it(profile: Profile) -> None:
    assert options_of(profile)["Agent"].max_ongoing >= TURNS_PER_AGENT


@pytest.mark.parametrize("profile", Profile)
def test_a_profile_changes_how_much_there_is_and_nothing_else(profile: Profile) -> None:
    for name, options in options_of(profile).items():
        assert options.as_options().keys() == OPTIONS[name].as_options().keys()
        assert options.drain_s == OPTIONS[name].drain_s
        assert options.scaling.policy_kwargs == OPTIONS[name].scaling.policy_kwargs
        assert 1 <= options.scaling.least <= options.scaling.most


def test_serve_accepts_the_rendered_configuration() -> None:
    schema = ServeDeploySchema.model_validate(yaml.safe_load(dict(rendered_files())[CONFIG_FILE]))
    names = {deployment.name for deployment in schema.applications[0].deployments}
    assert names == set(OPTIONS)


def test_the_rendered_file_equals_the_table() -> None:
    assert main(["--check"]) == 0
    assert yaml.safe_load(CONFIG_FILE.read_text(encoding="utf-8")) == serve_config()


def test_the_operators_page_has_the_bounds_of_the_table() -> None:
    page = (CONFIG_FILE.parent / "docs" / "howto" / "operate.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    bounds = {row[0]: row[2:] for row in rows if row[0] in OPTIONS}

    def shown(profile: Profile, name: str) -> str:
        scaling = options_of(profile)[name].scaling
        return f"{scaling.least}–{scaling.most}"

    expected = {}
    for name in OPTIONS:
        cluster, without_gpu = shown(Profile.CLUSTER, name), shown(Profile.CLUSTER_WITHOUT_GPU, name)
        different = "" if cluster == without_gpu else f"; {without_gpu} without GPUs"
        expected[name] = [shown(Profile.LAPTOP, name), f"{cluster}{different}"]
    assert bounds == expected


def test_drift_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(OPTIONS, "Courier", OPTIONS["Agent"])
    assert main(["--check"]) == 1
    errors = capsys.readouterr().err
    assert "python -m serve_app.render" in errors
    # A laptop's, a cluster's, and that of a cluster without GPUs.
    files = ("serve_config.yaml", "k8s/base/rayservice.yaml", "k8s/overlays/without-gpu/serve-config.yaml")
    assert all(file in errors for file in files)


def test_one_configuration_is_written_for_whoever_deploys_it(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    assert main(["--out", str(file), "--profile", "cluster-without-gpu", "--host", "0.0.0.0", "--port", "8100"]) == 0
    expected = serve_config("0.0.0.0", 8100, profile=Profile.CLUSTER_WITHOUT_GPU)
    assert yaml.safe_load(file.read_text(encoding="utf-8")) == expected


def test_the_settings_reach_the_configuration_and_no_secret_does() -> None:
    config = serve_config("0.0.0.0", 9001, "my-model", "DEBUG")
    assert config["http_options"]["port"] == 9001
    embedding = next(each for each in config["applications"][0]["deployments"] if each["name"] == "Embedding")
    assert embedding["user_config"]["model"] == "my-model"
    assert json.loads(json.dumps(config)) == config
