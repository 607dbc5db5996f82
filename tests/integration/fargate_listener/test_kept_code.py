"""What is compiled when the image is built is found by a container whose files are read-only."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fargate_listener

PACKAGE = Path(fargate_listener.__file__).parent
NEEDED = ("__init__.py", "tick_kernel.py", "kept_code.py", "precompile.py")
_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS = 24, 1
"""PR_CAPBSET_DROP and CAP_DAC_OVERRIDE (linux/prctl.h, linux/capability.h)."""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder as the image has it, with nothing compiled yet."""
    package = tmp_path / "app" / "fargate_listener"
    package.mkdir(parents=True)
    for name in NEEDED:
        shutil.copy2(PACKAGE / name, package)
    (tmp_path / "app" / "compiled").mkdir()
    return tmp_path / "app"


def python(image: Path, *arguments: str, read_only: bool) -> subprocess.CompletedProcess[str]:
    """Run Python in the image; `read_only`: as somebody who may write nowhere in it, though it be root."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(image),
        "PYTHONPATH": str(image),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(image / "compiled"),
        "NUMBA_CPU_NAME": "generic",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=image,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        preexec_fn=_obey_permissions if read_only and os.geteuid() == 0 else None,
    )


def _obey_permissions() -> None:
    if ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS, 0, 0, 0) != 0:
        os._exit(77)


def make_read_only(image: Path) -> None:
    for path in (image, *image.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    attempt = python(image, "-c", "open('compiled/probe', 'w')", read_only=True)
    assert "PermissionError" in attempt.stderr


def seconds_of(run: subprocess.CompletedProcess[str]) -> float:
    return float(run.stdout.split(" s;", 1)[0])


def test_the_image_is_built_with_the_settings_that_are_tried_here(image: Path) -> None:
    steps = (PACKAGE / "Dockerfile").read_text().splitlines()

    assert f"ENV NUMBA_CACHE_DIR=/{(image / 'compiled').relative_to(image.parent)} NUMBA_CPU_NAME=generic" in steps
    assert steps.index("RUN mkdir compiled && python -m fargate_listener.precompile") < steps.index("USER 65534:65534")
    assert steps.index("USER 65534:65534") < steps.index("RUN python -m fargate_listener.precompile --expect-kept")


def test_a_start_without_a_writable_file_takes_what_the_build_has_compiled(image: Path) -> None:
    build = python(image, "-m", "fargate_listener.precompile", read_only=False)
    assert build.returncode == 0, build.stderr
    assert "compiled: _u32, _find, fill_tokens, evaluate" in build.stdout
    make_read_only(image)

    start = python(image, "-m", "fargate_listener.precompile", "--expect-kept", read_only=True)

    assert start.returncode == 0, start.stderr
    assert start.stdout.endswith("compiled: nothing\n")
    assert start.stderr == ""
    assert seconds_of(start) < seconds_of(build) / 2


def test_what_is_kept_is_not_for_the_processor_of_the_build_machine(image: Path) -> None:
    python(image, "-m", "fargate_listener.precompile", read_only=False)

    kept = b"".join(path.read_bytes() for path in (image / "compiled").rglob("*.nbi"))

    assert b"generic" in kept
    assert host_cpu().encode() not in kept


def host_cpu() -> str:
    from llvmlite import binding  # type: ignore[import-untyped]

    return str(binding.get_host_cpu_name())


def test_where_nothing_was_kept_and_nothing_can_be_it_starts_all_the_same(image: Path) -> None:
    make_read_only(image)

    start = python(image, "-m", "fargate_listener.precompile", "--expect-kept", read_only=True)

    assert start.returncode == 1
    assert "compiled: _u32, _find, fill_tokens, evaluate" in start.stdout
    assert "evaluate is compiled at every start" in start.stderr


def test_what_was_kept_of_another_source_is_not_taken(image: Path) -> None:
    python(image, "-m", "fargate_listener.precompile", read_only=False)
    kernel = image / "fargate_listener" / "tick_kernel.py"
    kernel.write_text(kernel.read_text() + "\n# another version\n")
    make_read_only(image)

    start = python(image, "-m", "fargate_listener.precompile", "--expect-kept", read_only=True)

    assert start.returncode == 1


def test_the_health_check_loads_no_compiler() -> None:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fargate_listener", "--health"],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "HEALTH_PORT": "1"},
    )

    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in run.stderr.splitlines()}
    assert run.returncode == 1
    assert "http" in imported
    assert imported.isdisjoint({"numba", "numpy", "boto3", "pydantic"})
