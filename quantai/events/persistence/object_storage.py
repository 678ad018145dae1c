"""A store in object storage, through the file systems of pyarrow."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from quantai.core.errors import ConfigError
from quantai.events.persistence.storage import ROOT, FileInfo, Storage

# What the query of a URI may say, by scheme: nothing that is a secret.
_OPTIONS = {
    "s3": ("region", "scheme", "endpoint_override", "tls_ca_file_path"),
    "gs": ("scheme", "endpoint_override"),
}


class ObjectStorage(Storage):
    """The objects below a URI. Raises `ConfigError` for a URI that makes no sense or holds credentials.

    The connection is made at the first use, for that may take requests of its own.
    """

    def __init__(self, uri: str) -> None:
        parts = _split(uri)
        super().__init__(uri)
        self._uri = parts
        self._root = f"{parts.netloc}{unquote(parts.path)}".strip("/")

    def prepare(self) -> None:
        with self._naming():
            if self._entry(self._uri.netloc).type is fs.FileType.NotFound:
                raise FileNotFoundError("there is no such bucket, or these credentials may not see it")

    def exists(self) -> bool:
        with self._naming():
            return bool(self._entry(self._root).type is not fs.FileType.NotFound)

    def list(self, folder: PurePosixPath = ROOT) -> Iterator[FileInfo]:
        selector = fs.FileSelector(self._key(folder), allow_not_found=True, recursive=True)
        with self._naming():
            entries = self._files.get_file_info(selector)
        for entry in entries:
            if entry.is_file:
                yield self._info(entry)

    def walk(
        self, enter: Callable[[PurePosixPath], bool], folder: PurePosixPath = ROOT
    ) -> Iterator[tuple[PurePosixPath, Sequence[str]]]:
        by_folder: defaultdict[PurePosixPath, list[str]] = defaultdict(list)
        for file in self.list(folder):
            by_folder[file.path.parent].append(file.path.name)
        entered = {folder: True}

        def is_entered(inner: PurePosixPath) -> bool:
            if inner not in entered:
                entered[inner] = is_entered(inner.parent) and not inner.name.startswith(".") and enter(inner)
            return entered[inner]

        for inner, names in by_folder.items():
            if is_entered(inner):
                yield inner, names

    def find(self, path: PurePosixPath) -> FileInfo | None:
        with self._naming():
            entry = self._entry(self._key(path))
        return self._info(entry) if entry.is_file else None

    def open(self, path: PurePosixPath) -> pa.NativeFile:
        with self._naming():
            return self._files.open_input_file(self._key(path))

    def create(self, path: PurePosixPath, write: Callable[[BinaryIO], object]) -> bool:
        """Written to memory, and then uploaded at once."""
        if self.find(path):
            return False
        content = BytesIO()
        write(content)
        with self._naming():
            self._upload(self._key(path), content)
        return True

    def read_bytes(self, path: PurePosixPath) -> bytes:
        with self.open(path) as file:
            return bytes(file.read())

    def move(self, path: PurePosixPath, to: PurePosixPath) -> None:
        if self.find(path) is None:
            raise FileNotFoundError(f"{self.display(path)} is not there")
        if self.find(to) is None:
            with self._naming():
                self._files.copy_file(self._key(path), self._key(to))
        elif self.read_bytes(path) != self.read_bytes(to):  # they are equal after a crash on the way
            raise FileExistsError(f"{self.display(to)} is there already")
        self.delete(path)

    def delete(self, path: PurePosixPath) -> None:
        with self._naming(), suppress(FileNotFoundError):
            self._files.delete_file(self._key(path))

    def local_path(self, path: PurePosixPath) -> Path | None:
        return None

    def display(self, path: PurePosixPath) -> str:
        return f"{self._uri.scheme}://{self._key(path)}"

    @cached_property
    def _files(self) -> Any:
        if self._uri.scheme != "s3":
            return fs.FileSystem.from_uri(self._uri.geturl())[0]
        return fs.S3FileSystem(**_s3_options(self._uri), allow_delayed_open=True)

    def _key(self, path: PurePosixPath) -> str:
        return f"{self._root}/{path}" if path.parts else self._root

    def _entry(self, key: str) -> Any:
        return self._files.get_file_info(key)

    def _info(self, entry: Any) -> FileInfo:
        return FileInfo(PurePosixPath(entry.path[len(self._root) + 1 :]), entry.size, entry.mtime_ns or 0)

    def _upload(self, key: str, content: BytesIO) -> None:
        """In one write, for closing a stream after a part of the bytes would make an object of that part."""
        stream = self._files.open_output_stream(key)
        try:
            stream.write(content.getbuffer())
            stream.close()
        except BaseException:
            with suppress(OSError, pa.ArrowException):
                stream.close()
            with suppress(OSError, pa.ArrowException):
                self._files.delete_file(key)
            raise

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{self.name}: {error}") from error
        except (OSError, pa.ArrowException) as error:
            raise OSError(f"{self.name}: {error}") from error


def _split(uri: str) -> SplitResult:
    """A URI in its parts. Messages never repeat one that may hold a secret."""
    parts = urlsplit(uri)
    known = _OPTIONS.get(parts.scheme)
    if known is None:
        raise ConfigError(f"a store cannot be at {parts.scheme}://: it is a local path, or at s3:// or gs://")
    options = parse_qsl(parts.query, keep_blank_values=True)
    if any(sign in parts.netloc for sign in ":@") or any("@" in value for _, value in options):
        raise ConfigError(
            f"the {parts.scheme}:// URI of a store holds credentials, which would end up in logs: put them into the "
            "environment instead, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
        )
    if not parts.netloc:
        raise ConfigError(f"the URI of a store must name a bucket, as {parts.scheme}://bucket/prefix does")
    for name, _ in options:
        if name not in known:
            raise ConfigError(f"the URI of a store has no option {name!r}; there are {', '.join(known)}")
    return parts


def _s3_options(uri: SplitResult) -> dict[str, str]:
    """Those of a URI and, where it has none, of the environment; AWS is asked for the region of a bucket of its own."""
    options = dict(parse_qsl(uri.query))
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in options:
        scheme, _, options["endpoint_override"] = endpoint.rpartition("://")
        options["scheme"] = scheme or "https"
    is_known = "AWS_REGION" in os.environ or "AWS_DEFAULT_REGION" in os.environ
    if not is_known and not options.keys() & {"region", "endpoint_override"}:
        options["region"] = fs.resolve_s3_region(uri.netloc)
    return options
