"""The cloud estate as code: one CDK app per environment, one module per stack."""

import sys
from pathlib import Path

# The table of functions is written in the library's own settings classes, which live in a Lambda layer.
_LIBRARY = str(Path(__file__).resolve().parents[1] / "layers" / "algotrading" / "python")
if _LIBRARY not in sys.path:
    sys.path.append(_LIBRARY)
