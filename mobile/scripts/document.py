"""`python -m mobile.scripts.document` prints the API's document as the app's client is generated from it."""

from __future__ import annotations

import json
import sys

from algotrading.entrypoints.api.docs import openapi_document


def main() -> None:
    """Sorted, so that a change of the API is a small change of the file."""
    sys.stdout.write(json.dumps(openapi_document(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
