"""The database and what must be in it before the first question."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

from agent.errors import ConfigurationInvalid
from serve_app.settings import CHECKOUT, Settings, inherited_environment


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


class ShippedKnowledge:
    """The articles that come with the product, synchronised only when they or the model changed."""

    def __init__(self, settings: Settings, environment: dict[str, str]) -> None:
        self._articles = settings.knowledge_dir / "articles"
        self._mark = settings.home / "knowledge.sha256"
        self._environment = environment
        self._digest = knowledge_digest(self._articles, settings.embedding_model)

    @property
    def changed(self) -> bool:
        return not self._mark.exists() or self._mark.read_text(encoding="utf-8") != self._digest

    def sync(self) -> None:
        """In a process of its own, which returns the memory of the model. Raises ConfigurationInvalid."""
        command = [sys.executable, "-m", "serve_app", "kb", "sync", str(self._articles)]
        code = subprocess.run(  # noqa: S603
            command, env=inherited_environment(self._environment), cwd=CHECKOUT, stdin=subprocess.DEVNULL, check=False
        ).returncode
        if code != 0:
            raise ConfigurationInvalid(f"the knowledge base could not be loaded; try: fte kb sync {self._articles}")
        self._mark.write_text(self._digest, encoding="utf-8")
