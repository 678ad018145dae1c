"""The place of a control socket: made private, taken over from the dead, never from the living."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quantai.core.errors import StartupError

MAX_PATH_BYTES = 107
"""What fits into `sun_path` beside its end (unix(7))."""

_PROBE_TIMEOUT_S = 1.0
_BACKLOG = 16


def check_path(path: str) -> None:
    """Raises `StartupError` for a path that no socket can have."""
    size = len(os.fsencode(path))
    if size > MAX_PATH_BYTES:
        raise StartupError(
            f"the path of the control socket is {size} bytes long, {MAX_PATH_BYTES} is the limit: {path} "
            "(ops.control; a path relative to the working folder is shorter)"
        )


def listen(path: str) -> socket.socket:
    """A socket that listens at `path`, for its owner only. Its folder is made where it is missing, for its owner only.

    Raises `StartupError` where a daemon listens there already, something else is in the way, or it cannot be made.
    """
    check_path(path)
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(Path(path).parent):
            _take_over(path)
            return _bind(path)
    except OSError as error:
        raise StartupError(f"the control socket {path} cannot be made: {error} (ops.control)") from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two daemons that start at once must not both find the socket of a dead one and take it from each other."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _take_over(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise StartupError(f"{path} is in the way of the control socket and is none (ops.control)")
    if is_alive(path):
        raise StartupError(
            f"another daemon listens at {path}: stop it, or give this one a socket of its own (ops.control, null: none)"
        )
    Path(path).unlink()


def is_alive(path: str) -> bool:
    """Whether a process listens at `path`. Raises `OSError` where that cannot be found out."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_TIMEOUT_S)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True  # its queue is full: somebody is there, and very busy
        return True


def _bind(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(listener.fileno(), 0o600)  # before it has a name, so that nobody else ever can connect
        listener.bind(path)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def remove(path: str, identity: tuple[int, int]) -> None:
    """Remove the socket, unless it is not the one of that `identity` any more."""
    if identify(path) == identity:
        Path(path).unlink()


def identify(path: str) -> tuple[int, int] | None:
    """What tells one socket from another of the same name; None where there is none."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
