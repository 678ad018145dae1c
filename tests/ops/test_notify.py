"""The notify protocol, against a real datagram socket."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantai.ops.notify import ServiceNotifier


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """systemd's end: the address as in NOTIFY_SOCKET, and the bound socket."""
    is_abstract = request.param == "abstract"
    address = f"@quantai-test-{tmp_path.name}-{id(request)}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + address[1:] if is_abstract else address)
        bound.settimeout(60)
        yield address, bound


def test_systemd_hears_of_start_and_stop(manager: tuple[str, socket.socket]) -> None:
    address, bound = manager
    notifier = ServiceNotifier(address)
    notifier.ready("live: binance")
    notifier.stopping("stopping live: binance")
    assert bound.recv(1_024) == b"READY=1\nSTATUS=live: binance"
    assert bound.recv(1_024) == b"STOPPING=1\nSTATUS=stopping live: binance"


def test_the_address_comes_from_the_environment(
    manager: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, bound = manager
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    ServiceNotifier().ready("")
    assert bound.recv(1_024) == b"READY=1\nSTATUS="


def test_a_status_cannot_bring_in_another_assignment(manager: tuple[str, socket.socket]) -> None:
    address, bound = manager
    ServiceNotifier(address).ready("data of\nMAINPID=1")
    assert bound.recv(1_024) == b"READY=1\nSTATUS=data of MAINPID=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    ServiceNotifier().ready("ready")
    assert caplog.records == []


def test_a_socket_that_is_gone_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        ServiceNotifier(str(tmp_path / "gone")).stopping("bye")
    assert "systemd was not told STOPPING=1" in caplog.text
