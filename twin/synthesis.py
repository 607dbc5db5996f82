"""Keeps the templates up to date: they are synthesised again when what they are made from has changed."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path

from twin.processes import REPOSITORY, base_environment

LIBRARY = REPOSITORY / "layers" / "algotrading" / "python"
_FINGERPRINT = "fingerprint"


class SynthesisFailed(Exception):
    """CDK could not make the templates; the message is what it said."""


def is_up_to_date(folder: Path) -> bool:
    """Whether the templates in `folder` were made from the present sources."""
    recorded = folder / _FINGERPRINT
    return (folder / "manifest.json").is_file() and recorded.is_file() and recorded.read_text() == _fingerprint()


async def synthesise(folder: Path) -> None:
    """Make the templates of the dev environment.

    Assets are left where they are (`--in-place`), so that the functions run from their sources.

    Raises:
        SynthesisFailed: with what CDK said.
    """
    fingerprint = await asyncio.to_thread(_fingerprint)
    command = ["-m", "cdk.synth", "--env", "dev", "--out", str(folder), "--in-place"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=REPOSITORY,
        env={**base_environment(), "PYTHONPATH": str(LIBRARY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    if process.returncode != 0:
        raise SynthesisFailed(f"the templates could not be synthesised:\n{output.decode(errors='replace')[-3000:]}")
    (folder / _FINGERPRINT).write_text(fingerprint)


def _fingerprint() -> str:
    """A hash of everything that shapes the templates: the CDK program, its context, the settings classes."""
    sources = [
        *sorted((REPOSITORY / "cdk").rglob("*.py")),
        REPOSITORY / "cdk.json",
        *sorted(REPOSITORY.glob("cdk.context.json")),
        LIBRARY / "algotrading" / "settings.py",
    ]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(str(source.relative_to(REPOSITORY)).encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()
