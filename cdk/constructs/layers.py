"""The two Lambda layers: our library, and third-party packages.

Each stack has its own layer versions. Shared across stacks, a new version could never be deployed: the old
one's ARN would be an export that the other stack still imports.
"""

from __future__ import annotations

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.paths import DEPENDENCIES_LAYER, LIBRARY_LAYER
from layers.build import is_current, lock_digest

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
NOT_DEPLOYED = ("**/__pycache__", "**/*.pyc", "**/.mypy_cache", "**/.ruff_cache")


class DependenciesNotBuilt(Exception):
    """The third-party layer was not built from the lock as it is now."""


def add_layers(scope: Construct) -> list[lambda_.ILayerVersion]:
    """Both layers, in the order in which Lambda unpacks them.

    Raises:
        DependenciesNotBuilt: the app stages assets for a deployment, and `layers/build.py` has not run.
    """
    _require_built_dependencies(scope)
    dependencies = lambda_.LayerVersion(
        scope,
        "DependenciesLayer",
        description="Third-party packages",
        # Named by what it is built from: a synth that deploys nothing then needs no built layer.
        code=lambda_.Code.from_asset(
            str(DEPENDENCIES_LAYER), asset_hash=lock_digest(), asset_hash_type=AssetHashType.CUSTOM
        ),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
    )
    library = lambda_.LayerVersion(
        scope,
        "LibraryLayer",
        description="algotrading",
        code=lambda_.Code.from_asset(str(LIBRARY_LAYER), exclude=list(NOT_DEPLOYED)),
        compatible_runtimes=[RUNTIME],
        compatible_architectures=[ARCHITECTURE],
    )
    return [dependencies, library]


def _require_built_dependencies(scope: Construct) -> None:
    if scope.node.try_get_context("aws:cdk:disable-asset-staging"):
        DEPENDENCIES_LAYER.mkdir(parents=True, exist_ok=True)
    elif not is_current():
        raise DependenciesNotBuilt("run `python layers/build.py` first: the third-party layer is missing or outdated")
