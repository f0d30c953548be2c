"""The manifests of k8s/: valid by the schemas of Kubernetes and KubeRay, safe, and in step with the code."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from agent.times import Times
from serve_app.options import OPTIONS, Profile, options_of
from serve_app.render import cluster_config
from serve_app.settings import Settings
from serve_app.supervisor.ray_head import ray_environment
from serve_app.supervisor.run_folder import Ports, RunFolder
from tests.cluster_files import K8S, ROOT, document, documents, environment_file, ray_service

KUBERNETES = "1.37"
CRD = ROOT.parent / "shared" / "specs" / "kuberay" / "ray.io_rayservices.yaml"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MANIFESTS = [
    *sorted((K8S / "base").glob("*.yaml")),
    *sorted((K8S / "jobs").glob("*.yaml")),
    *sorted((K8S / "postgres").glob("*.yaml")),
]
OBJECTS = [each for file in MANIFESTS if file.name != "kustomization.yaml" for each in documents(file)]
POLICIES = {each["metadata"]["name"]: each["spec"] for each in OBJECTS if each["kind"] == "NetworkPolicy"}
KUSTOMIZATIONS = ["base", "jobs", "postgres", "overlays/without-gpu"]


def ray_groups() -> dict[str, dict[str, Any]]:
    cluster = ray_service()["spec"]["rayClusterConfig"]
    return {"head": cluster["headGroupSpec"]} | {group["groupName"]: group for group in cluster["workerGroupSpecs"]}


def pod_templates() -> dict[str, dict[str, Any]]:
    """Every pod there will be, with the labels that KubeRay adds."""
    templates = {}
    for name, group in ray_groups().items():
        node = {"ray.io/node-type": "head" if name == "head" else "worker", "ray.io/group": name}
        template = group["template"]
        labels = {"labels": template["metadata"]["labels"] | node}
        templates[f"ray {name}"] = {"metadata": labels, "spec": template["spec"]}
    for each in OBJECTS:
        if each["kind"] in ("Job", "StatefulSet"):
            templates[each["metadata"]["name"]] = each["spec"]["template"]
    return templates


PODS = pod_templates()
CONTAINERS = [
    pytest.param(container, id=f"{pod}: {container['name']}")
    for pod, template in PODS.items()
    for container in template["spec"]["containers"]
]


@pytest.mark.parametrize("each", OBJECTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_kubernetes_accepts_every_object_of_its_own(each: dict[str, Any]) -> None:
    if each["kind"] == "RayService":
        each = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": each["spec"]["serveService"]["metadata"],
            "spec": each["spec"]["serveService"]["spec"],
        }
    kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("pod", PODS)
def test_kubernetes_accepts_every_pod(pod: str) -> None:
    template = PODS[pod]
    labels = template["metadata"]["labels"]
    as_pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": labels}, "spec": template["spec"]}
    kubernetes_validate.validate(as_pod, KUBERNETES, strict=True)


def test_the_check_of_schemas_finds_a_misspelt_key() -> None:
    job = document(K8S / "jobs" / "jobs.yaml", "Job", "fte-migrate")
    job["spec"]["backofLimit"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, KUBERNETES, strict=True)


def kuberay_schema() -> dict[str, Any]:
    if not CRD.exists():
        pytest.skip(f"no KubeRay schema at {CRD}")
    (version,) = [
        each for each in yaml.load(CRD.read_text("utf-8"), yaml.CSafeLoader)["spec"]["versions"] if each["name"] == "v1"
    ]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def without_unknown_keys(schema: Any) -> Any:
    """What the API server would drop in silence, a misspelt key, becomes an error."""
    if isinstance(schema, list):
        return [without_unknown_keys(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: without_unknown_keys(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    return strict


def test_kuberay_accepts_the_ray_service() -> None:
    jsonschema.validate(ray_service(), without_unknown_keys(kuberay_schema()))


@pytest.mark.parametrize("path", [("spec", "upgradStrategy"), ("spec", "rayClusterConfig", "rayVersions")])
def test_kuberays_schema_finds_a_misspelt_key(path: tuple[str, ...]) -> None:
    service = ray_service()
    place = service
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "x"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(service, without_unknown_keys(kuberay_schema()))


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_kustomize_builds_it_whole(name: str) -> None:
    built = kustomize(name)
    names = {(each["kind"], each["metadata"]["name"]) for each in built}
    used = {reference for each in built for reference in config_maps_used(each)}
    assert {("ConfigMap", reference) for reference in used} <= names
    images = {container["image"] for each in built for container in containers_in(each)}
    assert images <= {f"customer-success-fte:{PROJECT['version']}", "pgvector/pgvector:0.8.5-pg18"}
    assert all(each["kind"] == "Namespace" or each["metadata"]["namespace"] == "fte" for each in built)


def test_a_changed_setting_starts_a_new_ray_cluster(tmp_path: Path) -> None:
    before = next(each for each in kustomize("base") if each["kind"] == "RayService")
    shutil.copytree(K8S, tmp_path / "k8s")
    file = tmp_path / "k8s" / "settings" / "settings.env"
    file.write_text(file.read_text("utf-8").replace("LOG_LEVEL=INFO", "LOG_LEVEL=DEBUG"), encoding="utf-8")
    after = next(each for each in kustomize("base", tmp_path / "k8s") if each["kind"] == "RayService")
    assert before["spec"]["rayClusterConfig"] != after["spec"]["rayClusterConfig"]


def test_the_overlay_without_gpu_asks_for_none() -> None:
    service = next(each for each in kustomize("overlays/without-gpu") if each["kind"] == "RayService")
    assert "nvidia.com/gpu" not in yaml.safe_dump(service)
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    assert config == cluster_config(Profile.CLUSTER_WITHOUT_GPU)
    assert "num_gpus" not in yaml.safe_dump(config)


def kustomize(name: str, k8s: Path = K8S) -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl, which builds kustomizations")
    done = subprocess.run(
        ["kubectl", "kustomize", str(k8s / name)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(each)


def containers_in(each: Any) -> list[dict[str, Any]]:
    return [found for found in walk(each) if {"name", "image"} <= found.keys()]


def config_maps_used(each: Any) -> set[str]:
    return {found["configMapRef"]["name"] for found in walk(each) if "configMapRef" in found}


def test_versions_are_the_projects() -> None:
    ray = next(each.partition("==")[2] for each in PROJECT["dependencies"] if each.startswith("ray["))
    assert ray_service()["spec"]["rayClusterConfig"]["rayVersion"] == ray
    (image,) = documents(K8S / "settings" / "kustomization.yaml")[0]["images"]
    assert image["newTag"] == PROJECT["version"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_no_container_can_do_more_than_it_must(container: dict[str, Any]) -> None:
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    assert container["image"] == "customer-success-fte" or re.search(r":[\w.-]*\d", container["image"])


@pytest.mark.parametrize("pod", PODS)
def test_no_pod_runs_as_root(pod: str) -> None:
    spec = PODS[pod]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    # The autoscaler beside the head is the only one that talks to the Kubernetes API.
    assert spec.get("automountServiceAccountToken") is (None if pod == "ray head" else False)
    writable = {volume["name"] for volume in spec.get("volumes", []) if "emptyDir" in volume}
    mounted = {mount["name"]: mount["mountPath"] for each in spec["containers"] for mount in each["volumeMounts"]}
    assert writable <= mounted.keys()
    assert mounted["tmp"] == "/tmp"


def test_the_autoscaler_fits_a_restricted_namespace_too() -> None:
    options = ray_service()["spec"]["rayClusterConfig"]["autoscalerOptions"]
    assert options["securityContext"] == ray_groups()["head"]["template"]["spec"]["containers"][0]["securityContext"]
    namespace = document(K8S / "base" / "namespace.yaml", "Namespace", "fte")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_there_is_no_secret_in_the_repository_and_every_one_that_is_used_is_named_in_the_example() -> None:
    example = environment_file(K8S / "secrets.example.env")
    assert set(example.values()) == {""}
    assert not [each for each in OBJECTS if each["kind"] == "Secret"]
    keys = {found["secretKeyRef"]["key"] for each in OBJECTS for found in walk(each) if "secretKeyRef" in found}
    assert keys <= example.keys()
    names = {found["secretRef"]["name"] for each in OBJECTS for found in walk(each) if "secretRef" in found}
    assert names == {"fte-secrets"}
    assert ray_service()["spec"]["rayClusterConfig"]["authOptions"] == {"mode": "token", "secretName": "fte-ray-token"}


def test_the_settings_are_known_and_enough_for_production(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = environment_file(K8S / "settings" / "settings.env")
    example = environment_file(K8S / "secrets.example.env")
    known = {str(field.validation_alias or name.upper()) for name, field in Settings.model_fields.items()}
    assert settings.keys() | example.keys() <= known
    assert not settings.keys() & example.keys()
    for name, value in settings.items() | dict.fromkeys(example, "x" * 40).items():
        monkeypatch.setenv(name, value)
    loaded = Settings()
    assert loaded.environment == "production"
    stateful = document(K8S / "postgres" / "postgres.yaml", "StatefulSet", "postgres")["spec"]["template"]["spec"]
    given = {each["name"]: each.get("value") for each in stateful["containers"][0]["env"]}
    assert (loaded.postgres_host, loaded.postgres_user, loaded.postgres_db) == (
        document(K8S / "postgres" / "postgres.yaml", "Service", "postgres")["metadata"]["name"],
        given["POSTGRES_USER"],
        given["POSTGRES_DB"],
    )


def test_rays_environment_is_the_one_that_the_tests_run_with() -> None:
    given = environment_file(K8S / "settings" / "ray.env")
    tested = ray_environment(RunFolder(Path("/x")), Ports(20000), Path("/x/token"))
    of_one_machine = {"RAY_SERVE_HAPROXY_LOG_TARGET", "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S"}
    assert {name: tested.get(name) for name in given.keys() - of_one_machine} == {
        name: given[name] for name in given.keys() - of_one_machine
    }
    from ray.serve._private import constants

    source = Path(constants.__file__).read_text(encoding="utf-8")
    assert [name for name in given if name.startswith("RAY_SERVE_") and f'"{name}"' not in source] == []


def needed(profile: Profile, most: bool) -> tuple[float, float]:
    """CPUs and GPUs of every replica there is at least, or at most."""
    table = options_of(profile).values()
    counts = [(each, each.scaling.most if most else each.scaling.least) for each in table]
    return sum(each.cpus * count for each, count in counts), sum(each.gpus * count for each, count in counts)


def test_the_least_of_everything_fits_the_nodes_that_are_always_there_and_the_most_those_there_can_be() -> None:
    groups = ray_groups()
    cpu, gpu = groups["cpu"], groups["gpu"]
    for most, count in ((False, "minReplicas"), (True, "maxReplicas")):
        cpus, gpus = needed(Profile.CLUSTER, most)
        assert cpus <= int(cpu["rayStartParams"]["num-cpus"]) * cpu[count]
        assert gpus <= int(gpu["rayStartParams"]["num-gpus"]) * gpu[count]
        without, none = needed(Profile.CLUSTER_WITHOUT_GPU, most)
        assert without <= int(cpu["rayStartParams"]["num-cpus"]) * cpu[count]
        assert none == 0


def test_no_replica_can_come_to_the_head_nor_anything_but_the_embedding_to_a_gpu() -> None:
    groups = ray_groups()
    assert groups["head"]["rayStartParams"]["num-cpus"] == "0"
    assert groups["head"]["rayStartParams"]["num-gpus"] == "0"
    assert groups["gpu"]["rayStartParams"]["num-cpus"] == "0"
    table = options_of(Profile.CLUSTER)
    assert [name for name, options in table.items() if options.gpus] == ["Embedding"]
    assert [name for name, options in table.items() if not options.cpus] == ["Embedding"]
    for name in ("cpu", "gpu"):
        requests = groups[name]["template"]["spec"]["containers"][0]["resources"]["requests"]
        params = groups[name]["rayStartParams"]
        assert float(requests["cpu"]) >= float(params["num-cpus"])
        assert requests.get("nvidia.com/gpu", "0") == params.get("num-gpus", "0")


def test_postgres_lets_two_clusters_at_their_largest_in() -> None:
    # Each replica has its pool and a connection that listens; the autoscaling policies have one each.
    pool = Times().pool_size + 1
    with_database = ("Ingress", "Agent", "Dispatcher", "Courier")
    policies = sum(1 for options in OPTIONS.values() if options.scaling.policy_kwargs)
    of_one = pool * sum(options_of(Profile.CLUSTER)[name].scaling.most for name in with_database) + policies
    stateful = document(K8S / "postgres" / "postgres.yaml", "StatefulSet", "postgres")
    arguments = stateful["spec"]["template"]["spec"]["containers"][0]["args"]
    (limit,) = [int(each.partition("=")[2]) for each in arguments if each.startswith("max_connections=")]
    assert 2 * of_one + 10 <= limit


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def selected(selector: dict[str, Any]) -> set[str]:
    return {name for name, template in PODS.items() if selects(selector, template["metadata"]["labels"])}


RAY_PODS = {"ray head", "ray cpu", "ray gpu"}


def test_without_a_policy_nothing_may_talk() -> None:
    assert POLICIES["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in POLICIES.items():
        assert selected(spec["podSelector"]), f"{name} is for no pod"


def test_only_serves_port_is_open_to_everybody() -> None:
    for name, spec in POLICIES.items():
        for rule in spec.get("ingress", []):
            if "from" not in rule:
                assert (name, [each["port"] for each in rule["ports"]]) == ("serve", [8000])
    assert selected(POLICIES["serve"]["podSelector"]) == RAY_PODS - {"ray head"}


def test_only_ray_and_the_jobs_reach_postgres() -> None:
    (rule,) = POLICIES["postgres"]["ingress"]
    (who,) = rule["from"]
    assert selected(who["podSelector"]) == RAY_PODS | {"fte-migrate", "fte-knowledge"}
    assert selected(POLICIES["postgres"]["podSelector"]) == {"postgres"}
    assert selected(POLICIES["database"]["podSelector"]) == RAY_PODS | {"fte-migrate", "fte-knowledge"}
    (target,) = POLICIES["database"]["egress"]
    assert selected(target["to"][0]["podSelector"]) == {"postgres"}


def test_a_drain_of_nodes_leaves_a_worker() -> None:
    budget = document(K8S / "base" / "disruption-budgets.yaml", "PodDisruptionBudget", "fte-workers")["spec"]
    assert selected(budget["selector"]) == {"ray cpu"}
    assert budget["minAvailable"] < ray_groups()["cpu"]["minReplicas"]


def test_a_pod_that_ends_has_time_for_its_replicas() -> None:
    # Direct ingress keeps a replica for at least this long, so that no proxy routes to it any more.
    drain_s = max(35.0, *(options.drain_s for options in OPTIONS.values()))
    for name in ("cpu", "gpu"):
        spec = ray_groups()[name]["template"]["spec"]
        leaves_after_s = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] >= leaves_after_s + drain_s
    assert ray_service()["spec"]["rayClusterDeletionDelaySeconds"] >= math.ceil(drain_s)


def test_the_service_leads_to_the_port_that_serve_listens_on() -> None:
    service = ray_service()["spec"]["serveService"]["spec"]
    (port,) = service["ports"]
    config = yaml.safe_load(ray_service()["spec"]["serveConfigV2"])
    assert port["targetPort"] == config["http_options"]["port"]
    assert service["type"] == "ClusterIP"
    for name in ("cpu", "gpu"):
        container = ray_groups()[name]["template"]["spec"]["containers"][0]
        assert {"name": "serve", "containerPort": port["targetPort"]} in container["ports"]
        assert container["readinessProbe"]["httpGet"] == {"path": "/-/healthz", "port": port["targetPort"]}


def test_both_configurations_of_a_cluster_are_valid_for_serve() -> None:
    from ray.serve.schema import ServeDeploySchema

    for profile in (Profile.CLUSTER, Profile.CLUSTER_WITHOUT_GPU):
        schema = ServeDeploySchema.model_validate(cluster_config(profile))
        assert {each.name for each in schema.applications[0].deployments} == set(OPTIONS)
    assert yaml.safe_load(ray_service()["spec"]["serveConfigV2"]) == cluster_config(Profile.CLUSTER)
