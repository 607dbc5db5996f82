"""The whole product on one machine, wired from the synthesised CloudFormation templates.

`python -m twin` starts from the repository alone: the library, a Lambda layer, is found in its folder.
"""

import sys
from pathlib import Path

_LIBRARY = str(Path(__file__).resolve().parent.parent / "layers" / "algotrading" / "python")
if _LIBRARY not in sys.path:
    sys.path.append(_LIBRARY)
