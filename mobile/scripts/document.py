"""`python -m mobile.scripts.document` prints the API's document as the app's client is generated from it."""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from typing import Any

from algotrading.entrypoints.api.answer_examples import contents_of_success
from algotrading.entrypoints.api.docs import openapi_document


def app_document() -> dict[str, Any]:
    """The document without the examples of answers: nothing is generated from them."""
    document = deepcopy(openapi_document())
    for _, content in contents_of_success(document):
        for each in content.values():
            each.pop("example", None)
    return document


def main() -> None:
    """Sorted, so that a change of the API is a small change of the file."""
    sys.stdout.write(json.dumps(app_document(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
