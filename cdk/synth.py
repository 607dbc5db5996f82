"""Synthesise one environment without the CDK command line, an account or Docker.

python -m cdk.synth --env dev --out build/cdk.out/dev              ready to deploy; needs the built layer
python -m cdk.synth --env dev --out build/twin/dev --in-place      for reading: assets stay where they are,
                                                                   `aws:asset:path` points at their sources
python -m cdk.synth --env dev --check-env                          only whether there is such an environment
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from algotrading.settings import Stage
from cdk.environments import Environment, environment_named
from cdk.toolchain import committed_context, compiled_once, use_bundled_node

if TYPE_CHECKING:
    from aws_cdk import App

_ALWAYS: Final = {
    # What the CDK command line sets too: readers of a template find an asset's folder, and a resource's construct.
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:enable-path-metadata": True,
    # No AWS::CDK::Metadata resource in the templates.
    "aws:cdk:disable-version-reporting": True,
}


def synthesize(environment: Environment, out: Path, *, in_place: bool = False) -> list[Path]:
    """Write the templates of `environment` to `out` and return them, in order of deployment.

    With `in_place` nothing is copied and the third-party layer need not be built: such a result is
    for reading (tests, the twin), not for deployment. Raises what CDK raises when CloudFormation's own
    rules, which are checked with it, refuse a template.
    """
    return [Path(stack.template_full_path) for stack in make_app(environment, out, in_place=in_place).synth().stacks]


def make_app(environment: Environment, out: Path, *, in_place: bool = False) -> App:
    """The app of `environment` with all its stacks, not synthesised yet; `in_place` as for `synthesize`."""
    use_bundled_node()
    with compiled_once():
        from aws_cdk import App

        from cdk.estate import add_stacks

    context: dict[str, Any] = {
        **committed_context(),
        **_ALWAYS,
        "aws:cdk:disable-asset-staging": in_place,
    }
    app = App(context=context, outdir=str(out), analytics_reporting=False)
    add_stacks(app, environment)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Synthesise CloudFormation templates.")
    parser.add_argument("--env", default="dev", dest="stage", help=f"one of {', '.join(get_args(Stage))}")
    parser.add_argument("--out", type=Path, default=None, help="folder (default: build/cdk.out/ENV)")
    parser.add_argument("--in-place", action="store_true", help="leave assets where they are; not for deployment")
    parser.add_argument("--check-env", action="store_true", help="only say whether there is such an environment")
    options = parser.parse_args(arguments)
    try:
        environment = environment_named(options.stage)
    except ValueError as unknown:
        sys.stderr.write(f"{unknown}\n")
        return 2
    if options.check_env:
        return 0
    out = options.out or Path("build/cdk.out") / options.stage
    for template in synthesize(environment, out, in_place=options.in_place):
        sys.stdout.write(f"{template}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
