"""The deployment's pairs of addresses, stored by its owner when it is deployed."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

if TYPE_CHECKING:
    from psycopg import Connection

_Address = Annotated[str, BeforeValidator(lambda value: str(IPv4Address(value)))]
_Proxy = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+:[0-9]{1,5}$")]
_Mail = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^@\s]+@[^@\s]+$")]


class DeployedRoute(BaseModel):
    """One pair as the deployment describes it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")]
    addresses: Annotated[tuple[_Address, ...], Field(min_length=1, max_length=2)]
    proxies: tuple[_Proxy, ...] = ()
    members: tuple[_Mail, ...] = ()


_ROUTES = TypeAdapter(tuple[DeployedRoute, ...])


def read_routes(text: str) -> tuple[DeployedRoute, ...]:
    """Routes from their JSON. Raises ValueError when it describes none."""
    return _ROUTES.validate_python(json.loads(text))


def store_routes(connection: Connection[Any], routes: tuple[DeployedRoute, ...]) -> None:
    """Add or replace `routes` by name, as the database's owner. A pair that is not among them any more stays with
    whoever holds it, and is given to nobody else."""
    with connection.transaction():
        # Nobody claims meanwhile: a pair that goes is not given away in the same moment.
        connection.execute("lock table egress_holders in share row exclusive mode")
        connection.execute(
            "delete from egress_routes r where r.name <> all (%s)"
            " and not exists (select from egress_holders h where h.route = r.name)",
            ([route.name for route in routes],),
        )
        connection.execute("update egress_routes set is_deployed = false")
        for route in routes:
            connection.execute(
                """
                insert into egress_routes (name, addresses, proxies, members) values (%s, %s, %s, %s)
                on conflict (name) do update set addresses = excluded.addresses, proxies = excluded.proxies,
                    members = excluded.members, is_deployed = true
                """,
                (route.name, list(route.addresses), list(route.proxies), list(route.members)),
            )
