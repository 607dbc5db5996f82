"""Brings the database to this version's schema when a stack is deployed, and tells it where orders may leave from.

An event of CDK's custom resource provider framework, or any event when invoked by hand. What goes
wrong is raised: the framework then fails the deployment.
"""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_migrate
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import MigrateSettings

_settings = MigrateSettings.load()
set_up_logging("migrate", _settings.log_level)
_migrator = build_migrate(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Migrate on Create and Update; on Delete the data stay."""
    routes = event.get("ResourceProperties", {}).get("EgressRoutes")
    applied = () if event.get("RequestType") == "Delete" else _migrator.run(routes)
    return {"PhysicalResourceId": "database-schema", "Data": {"Applied": ",".join(applied[-10:])}}
