"""On a machine that is full, accepting messages comes before computing turns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path

from deployments.idle_cores import IdleCores

_NICENESS = 10
_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES, _PAUSE_S = 5, 0.15
_LOOK_S, _MEMORY_S = 0.25, 1.0
_BUSY, _IDLE = 0.4, 0.55
"""Shares of the machine that are idle: who computes yields below the first and stops above the second."""


def yield_to_the_door() -> None:
    """Give this thread, and those that it starts later, a ninth of what one of niceness 0 gets while both want to run.

    Nothing is lost while nobody else wants to. Called again it does nothing.
    """
    os.setpriority(os.PRIO_PROCESS, 0, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))


def take_a_session(*, nice: bool = False) -> None:
    """A session of its own for this process, so that the kernel weighs it apart from the rest of Ray.

    Where sessions are scheduled against each other (man 7 sched, autogroup), niceness counts within a session only,
    and all of Ray together gets what one backend of Postgres gets: a message that arrives would wait behind turns.
    `nice` makes the session itself yield. Where the kernel has no such thing, or this process may not leave its
    session, nothing changes. May block for a moment: the kernel takes ten such changes a second.
    """
    with contextlib.suppress(OSError):
        if os.getpgid(0) == os.getpid() != os.getsid(0):
            # Ray makes each worker the leader of a process group, and a leader may not leave its session. The new
            # group has the same number, by which Ray knows it.
            os.setpgid(0, os.getpgid(os.getppid()))
            os.setsid()
    if nice:
        for _ in range(_TRIES):
            if _weigh_session(_NICENESS):
                break
            time.sleep(_PAUSE_S)


async def start_beside_others(rank: int) -> None:
    """What a replica that computes does before it loads anything.

    The first of its deployment (rank 0) is what answers wait for, after a start and after a crash: it gets a session
    that weighs as much as all the rest of Ray. Any other starts beside busy ones, which it must not slow down.
    """
    first = rank == 0
    if not first:
        yield_to_the_door()
    await asyncio.to_thread(take_a_session, nice=not first)


class Yielding:
    """While this machine is busy, accepting messages comes before what this process computes; else nothing does.

    Yielding always would cost a turn on an idle machine 12 ms, a quarter of what it takes there beside its model. What
    yields is the thread that made this, whoever joins, and the session. A thread stays nice once it was, where the
    process may not take that back (man 2 setpriority); its session does not.
    """

    def __init__(self, cores: IdleCores | None = None) -> None:
        self._cores = cores or IdleCores(_MEMORY_S)
        self._threads = [threading.get_native_id()]
        self._niceness = os.getpriority(os.PRIO_PROCESS, 0)
        self._session_niceness: int | None = None
        self._task: asyncio.Task[None] | None = None

    def join(self) -> None:
        """The calling thread yields too from now on."""
        self._threads.append(threading.get_native_id())
        _renice(self._threads[-1], self._niceness)

    def begin(self) -> None:
        """Look at the machine from now on: this replica has loaded, and nobody waits for more of it than a turn."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch())

    def end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def look(self) -> None:
        """Yield when less than two fifths of the machine are idle, and no longer when more than half is."""
        idle = self._cores.look() / (os.cpu_count() or 1)
        wanted = _NICENESS if idle < _BUSY else 0 if idle > _IDLE else self._niceness
        if wanted != self._niceness:
            self._niceness = wanted
            for thread in self._threads:
                _renice(thread, wanted)
        if self._session_niceness != wanted and _weigh_session(wanted):
            self._session_niceness = wanted

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()


def _renice(thread: int, niceness: int) -> None:
    with contextlib.suppress(OSError):  # it may not be taken back, or the thread has ended
        os.setpriority(os.PRIO_PROCESS, thread, niceness)


def _weigh_session(niceness: int) -> bool:
    """Whether the session has this niceness now, or cannot have any: False is worth another try."""
    if os.getsid(0) != os.getpid():
        return True
    try:
        _AUTOGROUP.write_text(str(niceness), encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
