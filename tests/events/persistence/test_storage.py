from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from threading import Barrier
from typing import Any, BinaryIO

import pytest

from quantai.core.errors import ConfigError
from quantai.events.persistence.object_storage import ObjectStorage
from quantai.events.persistence.storage import ROOT, LocalStorage, Storage, open_storage

A = PurePosixPath("symbol=A%2FB/1.parquet")
B = PurePosixPath("symbol=A%2FB/Grüße 2.parquet")
HIDDEN_FILE = PurePosixPath("symbol=A%2FB/.commit")
HIDDEN_FOLDER = PurePosixPath(".quarantine/symbol=C/3.parquet")


@pytest.fixture
def storage(root: str | Path) -> Storage:
    return open_storage(root)


def put(storage: Storage, path: PurePosixPath, content: bytes = b"rows") -> bool:
    def write(file: BinaryIO) -> None:
        file.write(content)

    return storage.create(path, write)


def paths(storage: Storage, folder: PurePosixPath = ROOT) -> list[PurePosixPath]:
    return sorted(file.path for file in storage.list(folder))


def test_a_store_exists_once_something_is_in_it(storage: Storage) -> None:
    assert not storage.exists()
    assert paths(storage) == []
    assert put(storage, A)
    assert storage.exists()


def test_a_file_is_read_whole_and_at_random(storage: Storage) -> None:
    put(storage, B, b"0123456789")
    assert storage.read_bytes(B) == b"0123456789"
    with storage.open(B) as file:
        assert (file.size(), file.read_at(3, 4)) == (10, b"456")


def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert put(storage, A, b"")
    assert storage.read_bytes(A) == b""


def test_a_taken_name_is_refused_and_what_is_there_stays(storage: Storage) -> None:
    assert put(storage, A, b"first")
    assert not put(storage, A, b"second")
    assert storage.read_bytes(A) == b"first"


def test_a_write_that_fails_leaves_nothing(storage: Storage) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        storage.create(A, write)
    assert paths(storage) == []


def test_files_know_their_size_and_age(storage: Storage) -> None:
    put(storage, A, b"12345")
    found = storage.find(A)
    assert found is not None
    assert (found.path, found.size) == (A, 5)
    assert found.modified_ns > 1_600_000_000_000_000_000
    assert list(storage.list()) == [found]


@pytest.mark.parametrize("path", [PurePosixPath("symbol=A%2FB"), PurePosixPath("symbol=A%2FB/2"), PurePosixPath("x/y")])
def test_what_is_no_file_is_not_found(storage: Storage, path: PurePosixPath) -> None:
    put(storage, A)
    assert storage.find(path) is None
    with pytest.raises(OSError, match=path.name):
        storage.read_bytes(path)


def test_listing_finds_hidden_files_too_and_walking_no_hidden_folders(storage: Storage) -> None:
    for path in (A, B, HIDDEN_FILE, HIDDEN_FOLDER):
        put(storage, path)
    assert paths(storage) == sorted([A, B, HIDDEN_FILE, HIDDEN_FOLDER])
    assert paths(storage, PurePosixPath(".quarantine")) == [HIDDEN_FOLDER]
    assert paths(storage, PurePosixPath("symbol=A")) == []
    assert {folder: set(names) for folder, names in storage.walk(lambda _: True)} == {
        A.parent: {A.name, B.name, HIDDEN_FILE.name}
    }


def test_a_walk_keeps_out_of_refused_folders(storage: Storage) -> None:
    for name in ("a/1", "a/b/2", "c/d/e/3"):
        put(storage, PurePosixPath(name))
    asked: list[str] = []

    def enter(folder: PurePosixPath) -> bool:
        asked.append(str(folder))
        return folder.name != "b" and folder.name != "d"

    assert [(str(folder), list(names)) for folder, names in storage.walk(enter)] == [("a", ["1"])]
    assert sorted(asked) == ["a", "a/b", "c", "c/d"]
    assert [folder for folder, _ in storage.walk(lambda _: True, PurePosixPath("c/d"))] == [PurePosixPath("c/d/e")]


def test_a_file_is_moved_but_never_onto_another(storage: Storage) -> None:
    put(storage, A, b"first")
    put(storage, B, b"second")
    with pytest.raises(FileExistsError):
        storage.move(A, B)
    storage.move(A, HIDDEN_FOLDER)
    assert paths(storage) == sorted([B, HIDDEN_FOLDER])
    assert storage.read_bytes(HIDDEN_FOLDER) == b"first"
    with pytest.raises(FileNotFoundError):
        storage.move(A, PurePosixPath("elsewhere"))


def test_deleting_twice_is_deleting_once(storage: Storage) -> None:
    put(storage, A)
    put(storage, B)
    storage.delete(A)
    storage.delete(A)
    assert paths(storage) == [B]


def test_a_prepared_store_takes_files(storage: Storage) -> None:
    storage.prepare()
    assert put(storage, A)


def test_storages_of_one_root_are_equal(root: str | Path, storage: Storage) -> None:
    assert {storage, open_storage(root)} == {open_storage(storage)}
    assert storage != open_storage("elsewhere")
    assert A.name in storage.display(A)


def test_text_paths_and_paths_are_the_local_disk(tmp_path: Path) -> None:
    assert open_storage(str(tmp_path)) == open_storage(tmp_path) == LocalStorage(tmp_path)
    assert open_storage(tmp_path).local_path(A) == tmp_path / A


def test_one_of_many_that_create_a_file_does(tmp_path: Path) -> None:
    storage, ready = LocalStorage(tmp_path), Barrier(8)

    def create(number: int) -> bool:
        def write(file: BinaryIO) -> None:
            ready.wait(timeout=30)
            file.write(bytes([number]))

        return storage.create(A, write)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert storage.read_bytes(A) == bytes([won.index(True)])
    assert paths(storage) == [A]


def test_a_move_is_finished_after_a_crash_between_its_steps(storage: Storage) -> None:
    put(storage, A)
    put(storage, HIDDEN_FILE)
    target = storage.local_path(B)
    if target is None:
        put(storage, B)
    else:
        target.hardlink_to(storage.name / A)
    storage.move(A, B)
    assert paths(storage) == sorted([HIDDEN_FILE, B])


def test_a_folder_that_changes_while_it_is_listed_is_listed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a compaction shows a replacement and deletes the originals: both must not be seen together."""
    storage, listed = LocalStorage(tmp_path), []
    put(storage, A)
    scandir = os.scandir

    def scan_and_change(path: Path) -> Any:
        entries = scandir(path)
        if path == tmp_path / A.parent:
            listed.append(path)
            if len(listed) == 1:
                put(storage, B)
                os.utime(path, ns=(1, 1))
                storage.delete(A)
        return entries

    monkeypatch.setattr("quantai.events.persistence.storage.os.scandir", scan_and_change)
    assert list(storage.walk(lambda _: True)) == [(B.parent, [B.name])]
    assert len(listed) == 2


def test_a_folder_that_cannot_be_looked_into_is_not_taken_for_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    storage = LocalStorage(tmp_path)
    put(storage, A)
    monkeypatch.setattr("quantai.events.persistence.storage.os.scandir", denied)
    with pytest.raises(PermissionError):
        list(storage.walk(lambda _: True))
    with pytest.raises(PermissionError):
        list(storage.list())


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://KEY:SECRET@bucket/prefix", "holds credentials.*AWS_SECRET_ACCESS_KEY"),
        ("s3://KEY:SEC/RET@bucket/prefix", "holds credentials"),
        ("s3://SECRET@bucket/prefix", "holds credentials"),
        ("s3://bucket/prefix?endpoint_override=KEY:SECRET@host:9000", "holds credentials"),
        ("s3://bucket/prefix?secret_key=SECRET", "no option 'secret_key'; there are region, scheme"),
        ("s3:///prefix", "must name a bucket"),
        ("ftp://host/prefix", "local path, or at s3:// or gs://"),
    ],
)
def test_a_uri_that_makes_no_sense_is_refused_and_secrets_are_not_repeated(uri: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        open_storage(uri)
    assert "SEC" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")


def test_opening_object_storage_asks_nobody() -> None:
    assert open_storage("s3://bucket/prefix?endpoint_override=192.0.2.1:9").name.startswith("s3://bucket/prefix")


class _HalfWritten:
    """A connection that breaks within an upload: half of the bytes are there when the stream is closed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, content: memoryview) -> None:
        self._stream.write(content[: len(content) // 2])
        raise OSError("connection reset")

    def close(self) -> None:
        self._stream.close()


class _BreakingFiles:
    def __init__(self, files: Any) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def open_output_stream(self, key: str) -> _HalfWritten:
        return _HalfWritten(self._files.open_output_stream(key))


def test_an_upload_that_breaks_leaves_no_half_object(object_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ObjectStorage(object_root)
    monkeypatch.setitem(storage.__dict__, "_files", _BreakingFiles(storage._files))
    with pytest.raises(OSError, match=r"s3://recordings/.*connection reset"):
        put(storage, A)
    assert paths(storage) == []
    monkeypatch.undo()
    assert put(ObjectStorage(object_root), A)
