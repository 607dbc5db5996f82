"""Bills of materials leave nothing out that the locks install."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from cdk.materials import LOCKS, LockUnreadable, read_lock, read_npm, read_requirements
from cdk.paths import ROOT

A, B = "a" * 64, "b" * 64


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_every_package_of_the_locks_is_there_with_its_hashes(name: str) -> None:
    text = (ROOT / LOCKS[name]).read_text(encoding="utf-8")
    packages = read_lock(LOCKS[name])

    if LOCKS[name].endswith(".json"):
        shipped = {
            (path.rpartition("node_modules/")[2], entry["version"])
            for path, entry in json.loads(text)["packages"].items()
            if path and not entry.get("dev")
        }
        assert {(each.name, each.version) for each in packages} == shipped
        assert len(packages) == len(shipped) > 300
    else:
        assert len(packages) == len(re.findall("==", text)) > 15
        assert sum(len(each.digests) for each in packages) == text.count("--hash=sha256:")


def test_a_package_is_read_with_its_marker_and_all_its_files() -> None:
    lock = f"one==1.2.post1 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n"
    lock += f"# a comment\ntwo-parts==3 ; python_version < '3.12' \\\n    --hash=sha256:{B}\n"

    one, two = read_requirements(lock)

    assert (one.kind, one.name, one.version, one.digests) == ("pypi", "one", "1.2.post1", (A, B))
    assert (two.name, two.version, two.digests) == ("two-parts", "3", (B,))


@pytest.mark.parametrize(
    "lock", ["", "one==1\n", "one>=1\n", f"--hash=sha256:{A}\n", f"one==1 \\\n  --hash=md5:{A}\n", "-e ./here\n"]
)
def test_what_is_not_understood_is_not_left_out_in_silence(lock: str) -> None:
    with pytest.raises(LockUnreadable):
        read_requirements(lock)


def npm(packages: Mapping[str, Mapping[str, object]]) -> str:
    return json.dumps({"packages": {"": {"name": "app"}, **packages}})


def test_the_apps_packages_are_those_that_are_shipped_each_once() -> None:
    good = {"version": "1.0.0", "integrity": "sha512-AAEC"}
    lock = npm(
        {"node_modules/@a/b": good, "node_modules/c/node_modules/@a/b": good, "node_modules/d": {**good, "dev": True}}
    )

    [package] = read_npm(lock)

    assert (package.kind, package.name, package.digests) == ("npm", "@a/b", ("000102",))


@pytest.mark.parametrize("integrity", ["sha1-AAEC", ""])
def test_a_package_of_the_app_without_a_strong_hash_is_told(integrity: str) -> None:
    with pytest.raises(LockUnreadable):
        read_npm(npm({"node_modules/c": {"version": "1", "integrity": integrity}}))
