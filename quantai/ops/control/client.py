"""Asks a daemon, from a program that has nothing else to do meanwhile."""

from __future__ import annotations

import socket
from typing import TypeVar

import msgspec

from quantai.core.errors import QuantAIError, StartupError
from quantai.ops.control import address
from quantai.ops.control.requests import (
    MAX_ANSWER_BYTES,
    VERSION,
    AnyRequest,
    Problem,
    decode_answer,
    encode_request,
)

View = TypeVar("View", bound=msgspec.Struct)

_CHUNK_BYTES = 65_536


class NoDaemon(StartupError):
    """Nobody listens at the control socket."""


class Refused(QuantAIError):
    """The daemon did not do what it was asked; `problem` says which kind of no it was."""

    def __init__(self, problem: Problem | None, message: str) -> None:
        super().__init__(message)
        self.problem = problem


def ask(path: str, request: AnyRequest, answer: type[View], timeout_s: float = 10.0) -> View:
    """What the daemon at `path` answers.

    Raises `NoDaemon` where there is none, `StartupError` where it cannot be reached or does not answer within
    `timeout_s`, `Refused` where it says no.
    """
    address.check_path(path)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(path)
            connection.sendall(encode_request(request))
            line = _read_line(connection)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoDaemon(f"no daemon listens at {path}") from None
    except TimeoutError:
        raise StartupError(f"the daemon at {path} did not answer within {timeout_s:g} s: look at its log") from None
    except BlockingIOError:
        raise StartupError(f"the daemon at {path} is too busy to be asked: look at its log, and try again") from None
    except PermissionError as error:
        raise StartupError(f"the daemon at {path} cannot be asked: {error}; be the user it runs as, or root") from error
    except OSError as error:
        raise StartupError(f"the daemon at {path} cannot be asked: {error}") from error
    return _unwrap(path, line, answer)


def _read_line(connection: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = connection.recv(_CHUNK_BYTES)
        if not chunk:
            raise ConnectionResetError("it hung up")
        line += chunk
        if len(line) > MAX_ANSWER_BYTES:
            raise OSError(f"its answer has more than {MAX_ANSWER_BYTES} bytes")
    return bytes(line)


def _unwrap(path: str, line: bytes, answer: type[View]) -> View:
    try:
        told = decode_answer(line)
        if told.error:
            raise Refused(told.problem, told.error)
        if told.version != VERSION:
            raise StartupError(f"the daemon at {path} speaks version {told.version} of the protocol, not {VERSION}")
        return msgspec.json.decode(told.answer, type=answer)
    except msgspec.MsgspecError as error:
        raise StartupError(f"what listens at {path} does not answer as a daemon of this version: {error}") from None
