"""The place of the socket: private, taken from the dead, never from the living."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from pathlib import Path

import pytest

from quantai.core.errors import StartupError
from quantai.ops.control import address
from quantai.ops.control.client import ask
from quantai.ops.control.requests import StatusRequest
from quantai.ops.control.views import Status


def test_a_socket_is_for_its_owner_only_and_so_is_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "control.sock"
    before = os.umask(0)
    try:
        with address.listen(str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir(mode=0o755)
    with address.listen(str(folder / "s")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    address.listen(path).close()
    assert not address.is_alive(path)
    with address.listen(path):
        assert address.is_alive(path)


def test_the_socket_of_a_living_daemon_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with address.listen(path):
        identity = address.identify(path)
        with pytest.raises(StartupError, match=r"another daemon listens at .*/s.*ops\.control"):
            address.listen(path)
        assert address.identify(path) == identity


def test_a_daemon_that_is_too_busy_to_answer_is_alive(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    waiting: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        try:
            for _ in range(2):
                client = socket.socket(socket.AF_UNIX)
                waiting.append(client)
                client.setblocking(False)
                client.connect_ex(path)
            assert address.is_alive(path)
            with pytest.raises(StartupError, match="too busy"):
                ask(path, StatusRequest(), Status)
        finally:
            for client in waiting:
                client.close()


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(StartupError, match="in the way"):
        address.listen(str(path))
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("size", "is_refused"), [(107, False), (108, True)])
def test_a_path_that_no_socket_can_have_is_refused_with_its_length(size: int, is_refused: bool) -> None:
    path = "é" + "x" * (size - 2)
    if is_refused:
        with pytest.raises(StartupError, match="is 108 bytes long, 107 is the limit"):
            address.check_path(path)
    else:
        address.check_path(path)


def test_a_relative_path_is_as_long_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.chdir(deep)
    with address.listen("control.sock"):
        assert address.is_alive("control.sock")


def test_two_daemons_that_start_at_once_do_not_both_take_over(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(StartupError, match="cannot be made"):
            address.listen(str(tmp_path / "s"))
    finally:
        os.close(handle)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"cannot be made.*ops\.control"):
        address.listen(str(tmp_path / "file" / "s"))


def test_only_the_own_socket_is_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with address.listen(path):
        own = address.identify(path)
        assert own is not None
        address.remove(path, (own[0], own[1] + 1))
        assert address.identify(path) == own
        address.remove(path, own)
        assert address.identify(path) is None
        address.remove(path, own)
