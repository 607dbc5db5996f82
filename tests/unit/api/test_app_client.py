"""The app's client is generated from this document, kept in its folder: it must be the API's present one."""

from __future__ import annotations

import json
from pathlib import Path

from mobile.scripts.document import app_document

KEPT = Path(__file__).parents[3] / "mobile" / "src" / "api" / "openapi.json"


def test_the_apps_client_was_generated_from_the_apis_present_document() -> None:
    assert json.loads(KEPT.read_text(encoding="utf-8")) == app_document(), "the API has changed: make app-client"
