"""Build the third-party Lambda layer from its hash-locked list, without Docker.

    python layers/build.py              fills build/layers/dependencies, prints its size
    python layers/build.py --verbose    prints the size of each package and the content's hash, too
    python layers/build.py --force      builds again although nothing changed

Wheels are chosen for Lambda's Python and processor, whatever machine this runs on, and the result is
searched for machine code of any other processor: such a layer would deploy well and fail on first import.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "layers" / "dependencies" / "requirements.lock"
RECIPE: Final = Path(__file__)
"""This program; Python version and platform are in it."""
TARGET: Final = ROOT / "build" / "layers" / "dependencies"
PYTHON_VERSION: Final = "3.13"
PLATFORM: Final = "aarch64-manylinux_2_34"
"""Amazon Linux 2023, under Lambda's Python 3.13, has glibc 2.34."""
UNZIPPED_LIMIT: Final = 250 * 1024 * 1024
"""Function and layers together (Lambda quotas)."""

_ELF_MAGIC: Final = b"\x7fELF"
_ELF_MACHINE_AARCH64: Final = 183
_LIBRARY_SUFFIXES: Final = (".so", ".dylib", ".pyd", ".dll")
_EPOCH: Final = 315532800
"""1980-01-01, the oldest time a zip file can hold: equal inputs give equal archives."""


class WrongPlatform(Exception):
    """The layer holds machine code that Lambda cannot run."""


class TooLarge(Exception):
    """The layer leaves no room below Lambda's limit."""


def lock_digest(lock: Path = LOCK, recipe: Path = RECIPE) -> str:
    """What a layer is built from: the lock, and how. Names the layer's asset, too: CDK uploads no asset a second time
    whose name is there, so that what a mended recipe makes needs another one."""
    return hashlib.sha256(recipe.read_bytes() + b"\0" + lock.read_bytes()).hexdigest()


def is_current(target: Path = TARGET, lock: Path = LOCK) -> bool:
    """Whether `target` was built from `lock` as it is now."""
    stamp = _stamp(target)
    return stamp.is_file() and stamp.read_text(encoding="ascii") == lock_digest(lock)


def build(target: Path = TARGET, lock: Path = LOCK) -> None:
    """Fill `target` with `python/`, the folder that Lambda puts on the path, and stamp it.

    Raises:
        WrongPlatform: a wheel for another processor came in.
        TooLarge: more than Lambda takes.
    """
    shutil.rmtree(target, ignore_errors=True)
    packages = target / "python"
    _install(packages, lock)
    _leave_out_scripts(packages)
    refuse_foreign_code(packages)
    size = sum(path.stat().st_size for path in _files(packages))
    if size > UNZIPPED_LIMIT:
        raise TooLarge(f"{size / 1e6:.0f} MB unpacked, Lambda takes {UNZIPPED_LIMIT / 1e6:.0f}")
    _stamp(target).write_text(lock_digest(lock), encoding="ascii")
    _settle(target)


def refuse_foreign_code(packages: Path) -> None:
    """Raises WrongPlatform when a shared library below `packages` is not Linux code for 64-bit ARM."""
    libraries = [path for path in _files(packages) if any(suffix in path.name for suffix in _LIBRARY_SUFFIXES)]
    foreign = [str(path.relative_to(packages)) for path in libraries if not _runs_on_lambda(path)]
    if foreign:
        raise WrongPlatform(f"not Linux code for aarch64: {', '.join(sorted(foreign))}")


def _runs_on_lambda(library: Path) -> bool:
    with library.open("rb") as file:
        header = file.read(20)
    is_elf = header.startswith(_ELF_MAGIC)
    return is_elf and int.from_bytes(header[18:20], "little") == _ELF_MACHINE_AARCH64


def _install(packages: Path, lock: Path) -> None:
    command = [
        *_uv(), "pip", "install", "--quiet", "--target", str(packages), "--requirements", str(lock),
        "--python-platform", PLATFORM, "--python-version", PYTHON_VERSION,
        "--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy",
    ]  # fmt: skip
    subprocess.run(command, check=True)  # noqa: S603 - fixed arguments


def _uv() -> list[str]:
    beside_python = Path(sys.executable).with_name("uv")
    return [str(beside_python)] if beside_python.exists() else ["uv"]


def _leave_out_scripts(packages: Path) -> None:
    """Console scripts begin with the path of the Python that installed them, on this machine; no function calls one."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for record in packages.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        record.write_text("".join(line for line in lines if not line.startswith("bin/")), encoding="utf-8")


def _settle(target: Path) -> None:
    """Times and permissions that no machine's clock and umask have a part in. A layer must be readable to everybody:
    functions do not run as its owner (AWS Lambda documentation, permissions of deployment packages)."""
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_EPOCH, _EPOCH))


def _stamp(target: Path) -> Path:
    """Inside the layer, so that it cannot outlive it."""
    return target / "built-from"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def sizes(target: Path = TARGET) -> list[tuple[str, int]]:
    """Bytes per package, largest first, of a built layer."""
    packages = target / "python"
    bytes_of: Counter[str] = Counter()
    for path in _files(packages):
        bytes_of[path.relative_to(packages).parts[0]] += path.stat().st_size
    return bytes_of.most_common()


def content_digest(target: Path = TARGET) -> str:
    """Hash of every path and byte: equal for equal layers, on whatever machine they were built."""
    digest = hashlib.sha256()
    for path in sorted(_files(target)):
        digest.update(str(path.relative_to(target)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def summary(target: Path = TARGET) -> str:
    """One line: how much there is, and how much there may be."""
    rows = sizes(target)
    total = sum(size for _, size in rows)
    return f"[build] third-party layer: {total / 1e6:.1f} MB of {UNZIPPED_LIMIT / 1e6:.0f}, {len(rows)} entries"


def details(target: Path = TARGET) -> str:
    """Sizes in a table, and the content's hash."""
    lines = [f"{size / 1e6:8.1f} MB  {name}" for name, size in sizes(target) if size >= 100_000]
    return "\n".join([*lines, content_digest(target)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Build the third-party Lambda layer.")
    parser.add_argument("--force", action="store_true", help="build although it is up to date")
    parser.add_argument("--verbose", action="store_true", help="print the size of each package and the content's hash")
    options = parser.parse_args(arguments)
    if options.force or not is_current():
        build()
    sys.stdout.write("\n".join([*([details()] if options.verbose else []), summary()]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
