"""How long each function takes to load, beside `import boto3; boto3.client("sqs")`.

Every measurement is a fresh interpreter in the function's folder, with the layer on its path and an
environment as the templates make it. The clock runs inside, around the import alone. One round loads
each function and the peer once, so that the machine's moods hit all alike; the first round only fills
the caches.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from algotrading.settings import Settings
from benchmarks.figures import Figure, Progress, Target
from cdk.functions import FUNCTIONS

REPOSITORY = Path(__file__).resolve().parent.parent
LAYER = REPOSITORY / "layers" / "algotrading" / "python"
API_FUNCTIONS = frozenset({"auth", "broker", "postback", "strategy", "authorizer", "docs"})
API_TARGET, WORKER_TARGET = 1.5, 2.0
_PEER = 'import boto3; boto3.client("sqs")'
_CLOCKED = "import time; began = time.perf_counter(); {}; print((time.perf_counter() - began) * 1000)"


def measure(progress: Progress, *, rounds: int) -> list[Figure]:
    """Medians in milliseconds, and their ratios to the peer's."""
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}")
        times[_PEER].append(_clock(_PEER, REPOSITORY, {}))
        for name, spec in FUNCTIONS.items():
            folder = REPOSITORY / "lambdas" / name
            times[name].append(_clock("import handler", folder, environment_of(spec.settings)))
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return [_figure(name, medians[name], medians[_PEER], rounds) for name in FUNCTIONS]


def environment_of(settings: type[Settings]) -> dict[str, str]:
    """A plausible value for everything that `settings` cannot do without; of two ways to log in to the database one."""
    required = {name.upper() for name, field in settings.model_fields.items() if field.is_required()}
    required.add("DATABASE_SECRET_ARN")
    return {name: _plausible(name) for name in settings.environment_names() if name in required}


def _plausible(name: str) -> str:
    if name == "STAGE":
        return "dev"
    if name.endswith("_SENDER"):
        return "sender@example.com"
    if name.endswith("_ARN"):
        return f"arn:aws:service:ap-south-1:123456789012:{name.lower()}"
    if name.endswith("_URL"):
        return f"https://sqs.ap-south-1.amazonaws.com/123456789012/{name.lower()}.fifo"
    return "localhost"


def _figure(name: str, median: float, peer: float, rounds: int) -> Figure:
    return Figure(
        benchmark="imports",
        name=name,
        unit="ms",
        values={"median": round(median, 1), "ratio": round(median / peer, 3)},
        count=rounds,
        target=Target("ratio", API_TARGET if name in API_FUNCTIONS else WORKER_TARGET),
        peers={_PEER: {"median": round(peer, 1), "ratio": 1.0}},
    )


def _clock(program: str, folder: Path, environment: Mapping[str, str]) -> float:
    fixed = {"PATH": "", "HOME": "/nonexistent", "PYTHONPATH": str(LAYER), "AWS_DEFAULT_REGION": "ap-south-1"}
    finished = subprocess.run(
        [sys.executable, "-c", _CLOCKED.format(program)],
        cwd=folder,
        env={**fixed, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(finished.stdout.splitlines()[-1])
