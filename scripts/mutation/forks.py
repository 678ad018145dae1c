"""Processes that share all that is imported, and go with all that they started."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterable

MEMORY_BYTES = 4 * 2**30
"""What collects without end stops here."""

BROKEN = 70
"""Exit code of a fork that raised."""


def forked(work: Callable[[], int]) -> int:
    """Do some work in a fork, without a word, and exit with what it returns; gives the id of the process."""
    pid = os.fork()
    if pid:
        return pid
    code = BROKEN
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        told = os.dup(2)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        code = work()
    except BaseException:
        os.write(told, traceback.format_exc().encode())
    finally:
        os._exit(code)


def wait(pid: int = -1) -> tuple[int, int]:
    """Wait for a fork, or for any; gives its id and its exit code, less than zero if a signal ended it."""
    pid, status = os.waitpid(pid, 0)
    end([pid])
    return pid, os.waitstatus_to_exitcode(status)


def end(pids: Iterable[int]) -> None:
    """End forks, and what they started."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
