"""At most one `fte up` per FTE_HOME, and where the others find it."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from agent.errors import ConfigurationInvalid


@dataclass(frozen=True, slots=True)
class RunningCopy:
    """What a running `fte up` says about itself."""

    pid: int
    first_port: int
    form_url: str
    dashboard_url: str
    dsn: str
    """Without a password: only the embedded server's is written down."""


class HomeLock:
    """Held by the supervisor for as long as it lives; the kernel releases it whatever kills it."""

    def __init__(self, home: Path) -> None:
        self._file = home / "fte.lock"
        self._state = home / "running.json"
        self._handle: IO[str] | None = None

    def take(self) -> None:
        """Raises ConfigurationInvalid when another `fte up` holds it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        handle = self._file.open("a+", encoding="utf-8")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.close()
            copy = self.running_copy()
            where = f" at {copy.form_url} (process {copy.pid})" if copy else ""
            raise ConfigurationInvalid(f"the system runs already{where}; stop it with `fte down`") from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._handle = handle

    def announce(self, copy: RunningCopy) -> None:
        staged = self._state.with_suffix(".new")
        staged.write_text(json.dumps(asdict(copy)), encoding="utf-8")
        staged.chmod(0o600)
        staged.replace(self._state)

    def release(self) -> None:
        if self._handle is not None:
            self._state.unlink(missing_ok=True)
            self._handle.close()
            self._handle = None

    def holder(self) -> int | None:
        """The process id of the `fte up` that holds the lock; None when nobody does."""
        try:
            with self._file.open(encoding="utf-8") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(handle.read().strip() or 0) or None
                return None
        except (FileNotFoundError, ValueError):
            return None

    def running_copy(self) -> RunningCopy | None:
        """What the last `fte up` announced, whether it still lives or not."""
        try:
            return RunningCopy(**json.loads(self._state.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
