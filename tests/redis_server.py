"""A redis-server of our own for tests and benchmarks: nothing is kept, nobody else can reach it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

_DEADLINE_S = 20.0


class RedisServer:
    """Runs on a unix socket, or with `tls` on a free port of the loopback interface; `password` is asked for if given.

    `ca_file` is the certificate to trust. Use it as a context manager.
    """

    def __init__(self, *, tls: bool = False, password: str = "", options: tuple[str, ...] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._password = password
        self._options = options
        self._port = _free_port() if tls else 0
        self.ca_file = self._make_certificate() if tls else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"rediss://127.0.0.1:{self._port}/0" if self.ca_file else f"unix://{self._folder / 'redis.sock'}"

    def client(self) -> Redis:
        """A plain client, not for event loops. Whoever asks closes it."""
        tls = {"ssl_ca_certs": str(self.ca_file)} if self.ca_file else {}
        return Redis.from_url(self.url, password=self._password or None, protocol=2, **tls)

    def start(self) -> None:
        """Start with nothing in it, and wait until it answers."""
        command = ["redis-server", "--save", "", "--appendonly", "no", "--dir", str(self._folder), *self._options]
        if self.ca_file:
            command += ["--port", "0", "--tls-port", str(self._port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(self.ca_file), "--tls-key-file", str(self._folder / "key.pem")]
        else:
            command += ["--port", "0", "--unixsocket", str(self._folder / "redis.sock")]
        if self._password:
            command += ["--requirepass", self._password]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + _DEADLINE_S
        with self.client() as client:
            while not _answers(client):
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    self.kill()
                    raise RuntimeError(f"redis-server does not answer: {' '.join(command)}")
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would; what it knew is lost."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it answer nobody, with its connections open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """The opposite of `pause`."""
        self._signal(signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it anew, with nothing in it."""
        self.kill()
        self.start()

    def __enter__(self) -> RedisServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server does not run"
        self._process.send_signal(number)

    def _make_certificate(self) -> Path:
        certificate = self._folder / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
             "-keyout", str(self._folder / "key.pem"), "-out", str(certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        return certificate


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
