"""On a machine that is full, accepting messages comes before computing turns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

_NICENESS = 10
_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES, _PAUSE_S = 5, 0.15


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
        if nice and os.getsid(0) == os.getpid():
            _weigh_less()


async def start_beside_others(rank: int) -> None:
    """What a replica that computes does before it loads anything.

    The first of its deployment (rank 0) is what answers wait for, after a start and after a crash: it gets a session
    that weighs as much as all the rest of Ray. Any other starts beside busy ones, which it must not slow down.
    """
    first = rank == 0
    if not first:
        yield_to_the_door()
    await asyncio.to_thread(take_a_session, nice=not first)


async def settle_down() -> None:
    """What a replica does when it has loaded and nobody waits for it any more than for a turn: from now on it yields.

    Its thread yields, those that it starts later, and its session.
    """
    yield_to_the_door()
    await asyncio.to_thread(take_a_session, nice=True)


def _weigh_less() -> None:
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(_NICENESS), encoding="ascii")
        except BlockingIOError:
            time.sleep(_PAUSE_S)
        else:
            return
