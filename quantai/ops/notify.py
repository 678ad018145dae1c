"""Tells systemd how the service is, over the socket it names in `NOTIFY_SOCKET`. Source: sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger(__name__)


class ServiceNotifier:
    """Sends `READY=1` and `STOPPING=1`, each with a line for `systemctl status`, where systemd listens."""

    def __init__(self, address: str | None = None) -> None:
        """`address` is the socket's, `NOTIFY_SOCKET` where not given; a leading `@` means the abstract namespace."""
        self._address = address if address is not None else os.environ.get("NOTIFY_SOCKET", "")

    def ready(self, status: str) -> None:
        """Everything is started."""
        self._send("READY=1", status)

    def stopping(self, status: str) -> None:
        """The daemon is on its way down."""
        self._send("STOPPING=1", status)

    def _send(self, state: str, status: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        message = f"{state}\nSTATUS={' '.join(status.split())}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(message.encode(), address)
        except OSError as error:
            logger.warning("systemd was not told %s: %s", state, error)
