"""Entry point of the CDK command line: `cdk deploy --all -c env=dev`, or plain `python cdk/app.py`."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Synthesise the environment that the context names, `dev` if it names none."""
    root = Path(__file__).resolve().parents[1]
    # Started as a script, Python looks beside this file first, where `constructs` would hide CDK's package.
    sys.path[:] = [str(root), str(root / "layers/algotrading/python"), *(p for p in sys.path if p != f"{root}/cdk")]
    from cdk.toolchain import committed_context, compiled_once, use_bundled_node

    use_bundled_node()
    with compiled_once():
        from aws_cdk import App

        from cdk.environments import environment_named
        from cdk.estate import add_stacks

    app = App(context=committed_context())
    add_stacks(app, environment_named(app.node.try_get_context("env") or "dev"))
    app.synth()


if __name__ == "__main__":
    main()
