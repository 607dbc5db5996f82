"""Compiles the tick path and keeps it, when the image is built; `--expect-kept` proves that a start finds it."""

from __future__ import annotations

import argparse
import sys
import time


def main() -> int:
    """0; with `--expect-kept` 1 when something had to be compiled."""
    parser = argparse.ArgumentParser(prog="python -m fargate_listener.precompile", description=__doc__)
    parser.add_argument("--expect-kept", action="store_true", help="exit with 1 when anything had to be compiled")
    expects_kept = parser.parse_args().expect_kept
    begun = time.perf_counter()
    import fargate_listener.tick_kernel  # noqa: F401 - importing compiles
    from fargate_listener.kept_code import compiled_anew

    anew = compiled_anew()
    sys.stdout.write(f"{time.perf_counter() - begun:.2f} s; compiled: {', '.join(anew) or 'nothing'}\n")
    return int(expects_kept and bool(anew))


if __name__ == "__main__":
    sys.exit(main())
