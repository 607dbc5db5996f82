"""Where the estate finds what it deploys."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LAMBDAS: Final = ROOT / "lambdas"
LIBRARY_LAYER: Final = ROOT / "layers" / "algotrading"
DEPENDENCIES_LOCK: Final = ROOT / "layers" / "dependencies" / "requirements.lock"
DEPENDENCIES_LAYER: Final = ROOT / "build" / "layers" / "dependencies"
APP_BUILD: Final = ROOT / "build" / "app"
MIGRATIONS: Final = LIBRARY_LAYER / "python" / "algotrading" / "adapters" / "postgres" / "migrations"
