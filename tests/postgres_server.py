"""A PostgreSQL of our own for tests and benchmarks, made from the installed binaries: nobody else can reach it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

import psycopg
from sqlalchemy import URL

_DEADLINE_S = 60.0
_USER = "quantai"
_PASSWORD = "of no use elsewhere"
_BINARIES = Path("/usr/lib/postgresql")


class PostgresServer:
    """Runs on a free port of the loopback interface. Use it as a context manager; `database` makes an empty one.

    Without `syncs` what is durable survives `kill`, but not the machine's end: several times faster to set up.
    """

    def __init__(self, *, syncs: bool = True) -> None:
        self._syncs = syncs
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        # The server refuses to be root, as tests in containers often are.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._bin = max(_BINARIES.glob("*/bin"), key=lambda path: float(path.parent.name))
        self._data = self._folder / "data"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._make()

    def database(self) -> URL:
        """A new, empty database."""
        self._databases += 1
        name = f"journal_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Do `statement` as whoever runs the server would; its rows, where it has any."""
        with psycopg.connect(self._dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def cut(self, database: str) -> None:
        """End every other connection to `database`."""
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
        self.execute(f"{others} AND datname = '{database}'")

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [
            str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self._port), "-k", str(self._folder),
            "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB", "-c", "max_connections=30",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, user=self._user, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline_s = time.monotonic() + _DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise RuntimeError(f"PostgreSQL does not answer: {' '.join(command)}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as after a crash: the next start has to recover."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again, with what was durable."""
        self.kill()
        self.start()

    def __enter__(self) -> PostgresServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(_PASSWORD)
        if self._user:
            for path in (self._folder, password):
                shutil.chown(path, self._user)
        subprocess.run(
            [self._bin / "initdb", "-D", self._data, "-U", _USER, "--pwfile", password, "--auth", "scram-sha-256",
             "--no-sync", "--locale", "C", "--encoding", "UTF8"],
            user=self._user, cwd=self._folder, check=True, capture_output=True,
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(f"fsync = {'on' if self._syncs else 'off'}\n")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self._dsn("postgres")):
                return True
        except psycopg.OperationalError:
            return False

    def _url(self, database: str) -> URL:
        return URL.create("postgresql+psycopg", _USER, _PASSWORD, "127.0.0.1", self._port, database)

    def _dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self._port} user={_USER} password='{_PASSWORD}' dbname={database}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
