"""The database and what must be in it before the first question."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from agent.errors import ConfigurationInvalid
from serve_app.settings import CHECKOUT, Settings, inherited_environment

_LOG = logging.getLogger(__name__)


def migrate_database(dsn: str) -> list[str]:
    """Not for a running event loop. Raises what `crm.migrations.migrate` raises."""
    from crm.migrations import migrate

    return asyncio.run(migrate(dsn))


def knowledge_digest(folder: Path, embedding_model: str) -> str:
    """Changes whenever an article, or the model that its vectors belong to, does."""
    digest = hashlib.sha256(embedding_model.encode())
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"\0{file.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


class FollowedKnowledge:
    """The folder that the knowledge base is kept equal to, at first the articles that come with the product, and from
    the first `fte kb sync` of another one on that one: nobody's articles are exchanged for the shipped ones by a start.

    It is remembered under `home`, for each database apart.
    """

    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        """Raises ConfigurationInvalid when the embedded database does not run."""
        place = hashlib.sha256(_place_of(settings.dsn()).encode()).hexdigest()
        self._mark = settings.home / f"knowledge-{place[:12]}.json"
        self._environment = dict(environment or {})
        self._embedding_model = settings.embedding_model
        self._shipped = settings.knowledge_dir / "articles"
        known = self._read()
        self.folder = Path(known.get("folder", self._shipped))
        """It may be gone."""
        self._digest = known.get("digest", "")

    @property
    def changed(self) -> bool:
        """Whether it, or the embedding model, is another than at the last sync; False where it is gone."""
        return self.folder.is_dir() and self._digest != knowledge_digest(self.folder, self._embedding_model)

    def remember(self, folder: Path) -> None:
        """What was synced just now."""
        self.folder, self._digest = folder.resolve(), knowledge_digest(folder, self._embedding_model)
        mark = {"folder": str(self.folder), "digest": self._digest}
        # Where there is no home to write, as in a job of a cluster, nothing is started from it either.
        with contextlib.suppress(OSError):
            self._mark.write_text(json.dumps(mark), encoding="utf-8")

    def sync(self) -> None:
        """In a process of its own, which returns the memory of the model, and remembers. A folder that is gone leaves
        the knowledge base as it is. Raises ConfigurationInvalid."""
        if not self.folder.is_dir():
            _LOG.warning("the folder of the articles is gone; the knowledge base stays as it is until fte kb sync DIR")
            return
        command = [sys.executable, "-m", "serve_app", "kb", "sync", str(self.folder)]
        code = subprocess.run(  # noqa: S603
            command, env=inherited_environment(self._environment), cwd=CHECKOUT, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if code != 0:
            raise ConfigurationInvalid(f"the knowledge base could not be loaded; try: fte kb sync {self.folder}")

    def _read(self) -> dict[str, str]:
        """Empty where nothing is known."""
        try:
            known: object = json.loads(self._mark.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}


def _place_of(dsn: str) -> str:
    """Which database that is: the same for an embedded one, however it is reached."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    host, port = query["host"][0], query.get("port", [""])[0]
    return f"{host}{parts.path}" if host.startswith("/") else f"{host}:{port}{parts.path}"
