"""Who is at the other end of a Unix socket, by the kernel's word (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct

_CREDENTIALS = struct.Struct("3i")


async def name_of_peer(connection: socket.socket) -> str:
    """`alice (uid 1000, pid 4711)`. The name may have to be asked for on the network: not on the event loop."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return f"{await asyncio.to_thread(_user_name, uid)} (uid {uid}, pid {pid})"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return "a user without a name"
