"""The third-party layer: only what Lambda can run, only what is needed, only from the lock."""

from __future__ import annotations

import os
import re
import struct
import sys
from pathlib import Path

import pytest

from layers.build import (
    LOCK,
    RECIPE,
    WrongPlatform,
    build,
    content_digest,
    is_current,
    lock_digest,
    refuse_foreign_code,
    summary,
)

AARCH64, X86_64 = 183, 62


def _library(folder: Path, name: str, machine: int) -> None:
    """The start of an ELF file, as far as the processor's number."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack("<HH", 3, machine))


def _locked() -> set[str]:
    return {line.split("==")[0] for line in LOCK.read_text(encoding="utf-8").splitlines() if "==" in line}


def test_code_for_lambdas_processor_passes(tmp_path: Path) -> None:
    _library(tmp_path / "good", "fast.cpython-313-aarch64-linux-gnu.so", AARCH64)

    refuse_foreign_code(tmp_path)


def test_code_for_another_processor_is_refused_by_name(tmp_path: Path) -> None:
    _library(tmp_path / "good", "fast.so", AARCH64)
    _library(tmp_path / "bad.libs", "libz.so.1", X86_64)

    with pytest.raises(WrongPlatform, match=r"bad\.libs/libz\.so\.1"):
        refuse_foreign_code(tmp_path)


def test_code_for_another_system_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fast.dylib").write_bytes(b"\xcf\xfa\xed\xfe" + bytes(16))

    with pytest.raises(WrongPlatform, match=r"fast\.dylib"):
        refuse_foreign_code(tmp_path)


def test_two_builds_are_alike_to_the_byte_and_to_the_second(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "elsewhere" / "second"
    build(first)
    build(second)

    assert content_digest(first) == content_digest(second)
    assert {path.stat().st_mtime for folder in (first, second) for path in folder.rglob("*")} == {315532800.0}
    assert len(list(first.rglob("*.py"))) > 500


def test_nothing_of_the_machine_that_built_it_is_in_a_layer(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        build(tmp_path / "layer")
    finally:
        os.umask(umask)

    paths = list((tmp_path / "layer").rglob("*"))
    here = os.fsencode(sys.prefix)
    assert [path for path in paths if path.is_file() and here in path.read_bytes()] == []
    assert [
        line for path in paths if path.name == "RECORD" for line in path.read_text().splitlines() if "bin/" in line
    ] == []
    assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_file()} == {"0o644"}
    assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_dir()} == {"0o755"}


def test_the_lock_has_the_broker_client_without_its_ticker() -> None:
    assert "kiteconnect" in _locked()
    assert not _locked() & {"twisted", "autobahn", "pyopenssl", "service-identity"}


def test_the_lock_leaves_aws_sdk_to_the_runtime() -> None:
    assert not _locked() & {"boto3", "botocore"}


def test_every_package_of_the_lock_has_a_hash() -> None:
    hashed = re.findall(r"^(\S+)==\S+ \\\n +--hash=sha256:[0-9a-f]{64}", LOCK.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(hashed) == _locked()


def test_a_layer_is_current_only_under_the_lock_it_was_built_from(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("six==1.17.0\n", encoding="utf-8")
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "built-from").write_text(lock_digest(lock), encoding="ascii")
    before = is_current(tmp_path / "layer", lock)

    lock.write_text("six==1.17.1\n", encoding="utf-8")

    assert before
    assert not is_current(tmp_path / "layer", lock)


def test_equal_content_has_an_equal_digest_wherever_it_lies(tmp_path: Path) -> None:
    for copy in ("a", "b"):
        _library(tmp_path / copy / "python", "fast.so", AARCH64)
    same = content_digest(tmp_path / "a") == content_digest(tmp_path / "b")

    _library(tmp_path / "b" / "python", "fast.so", X86_64)

    assert same
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")


def test_a_layers_size_is_told_in_one_line(tmp_path: Path) -> None:
    _library(tmp_path / "python" / "fast", "fast.so", AARCH64)
    (tmp_path / "python" / "slow.py").write_bytes(bytes(3_000_000))

    assert summary(tmp_path) == "[build] third-party layer: 3.0 MB of 262, 2 entries"


def test_a_layer_that_is_built_in_another_way_has_another_name(tmp_path: Path) -> None:
    mended = tmp_path / "build.py"
    mended.write_text(RECIPE.read_text(encoding="utf-8") + "# mended\n", encoding="utf-8")

    assert lock_digest(LOCK, mended) != lock_digest(LOCK)
    assert lock_digest(LOCK, RECIPE) == lock_digest(LOCK) == lock_digest()
