"""Bills of materials in CycloneDX's JSON: every package of others' that runs, out of the locks that it comes from.

    python -m cdk.materials     one document for each thing that runs, into build/assure/materials

Part of `make assure`. Names, versions and hashes are those of the locks, so what a document says is what is installed.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cdk.paths import ROOT

OUT: Final = ROOT / "build" / "assure" / "materials"
LOCKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "functions": "layers/dependencies/requirements.lock",
        "watcher": "fargate_listener/requirements.lock",
        "app": "mobile/package-lock.json",
    }
)
"""What runs, by the lock that its packages are installed from."""
_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)\s*(;[^\\]*)?\\?")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})\s*\\?")
_MODULES = "node_modules/"


class LockUnreadable(Exception):
    """A lock says something that is not understood: a document of it would leave something out."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of a lock."""

    kind: str
    """As package URLs name it: pypi or npm."""
    name: str
    version: str
    algorithm: str
    """SHA-256 or SHA-512."""
    digests: tuple[str, ...]
    """In hexadecimal, of every file that may be installed for it."""


def read_requirements(text: str) -> Sequence[Package]:
    """The packages of a hash-locked list of pip's. Raises LockUnreadable."""
    found: list[tuple[str, str, list[str]]] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        if pinned := _PINNED.fullmatch(line):
            found.append((pinned["name"], pinned["version"], []))
        elif (digest := _HASH.fullmatch(line)) and found:
            found[-1][2].append(digest["digest"])
        else:
            raise LockUnreadable(line[:80])
    return _complete([Package("pypi", name, version, "SHA-256", tuple(hashes)) for name, version, hashes in found])


def read_npm(text: str) -> Sequence[Package]:
    """The packages of a package-lock.json that are not for development alone. Raises LockUnreadable."""
    entries = json.loads(text)["packages"].items()
    return _complete(list(_npm_packages(entries)))


def _npm_packages(entries: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[Package]:
    seen = set()
    for path, entry in entries:
        if not path or entry.get("dev") or entry.get("link"):
            continue
        name, version, integrity = path.rpartition(_MODULES)[2], str(entry["version"]), str(entry.get("integrity", ""))
        algorithm, _, digest = integrity.partition("-")
        if algorithm != "sha512":
            raise LockUnreadable(f"{path}: {integrity[:20] or 'no hash'}")
        if (name, version) not in seen:
            seen.add((name, version))
            yield Package("npm", name, version, "SHA-512", (base64.b64decode(digest).hex(),))


def _complete(packages: Sequence[Package]) -> Sequence[Package]:
    bare = [package.name for package in packages if not package.digests]
    if bare or not packages:
        raise LockUnreadable(f"without a hash: {', '.join(bare)}" if bare else "no package")
    return packages


def read_lock(path: str) -> Sequence[Package]:
    """The packages of one of LOCKS."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return read_npm(text) if path.endswith(".json") else read_requirements(text)


def document(name: str, packages: Sequence[Package]) -> str:
    """CycloneDX 1.6, as JSON, of what runs under that name."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    root = Component(name=f"algotrading-{name}", type=ComponentType.APPLICATION, bom_ref=name)
    bom = Bom()
    bom.metadata.component = root
    for package in packages:
        space, _, own = package.name.rpartition("/")
        url = PackageURL(type=package.kind, namespace=space or None, name=own, version=package.version)
        hashes = [HashType(alg=HashAlgorithm(package.algorithm), content=digest) for digest in package.digests]
        component = Component(
            name=own, group=space or None, version=package.version, purl=url, bom_ref=str(url), hashes=hashes
        )
        bom.components.add(component)
        bom.register_dependency(root, [component])
    return str(JsonV1Dot6(bom).output_as_string(indent=1))


def write_all(out: Path = OUT) -> Sequence[str]:
    """A document for each of LOCKS into a folder; what could not be read, as findings."""
    out.mkdir(parents=True, exist_ok=True)
    problems = []
    for name, lock in LOCKS.items():
        try:
            packages = read_lock(lock)
        except LockUnreadable as error:
            problems.append(f"{lock}: {error}")
            continue
        (out / f"{name}.cdx.json").write_text(document(name, packages), encoding="utf-8")
        sys.stdout.write(f"         {name}: {len(packages)} packages\n")
    return problems


if __name__ == "__main__":
    sys.exit(1 if write_all() else 0)
