"""The managed database of the templates, made in the embedded PostgreSQL as RDS makes it: a master user
that is no superuser but may create roles, and an empty database that it owns."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

from twin.aws import Endpoint
from twin.servers import SUPERUSER


def create_database(endpoint: Endpoint, superuser_password: str, *, name: str, owner: Mapping[str, str]) -> None:
    """Create the master user (`username` and `password` of its secret) and its database `name`."""
    with psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        user=SUPERUSER,
        password=superuser_password,
        dbname="postgres",
        autocommit=True,
    ) as connection:
        user = sql.Identifier(owner["username"])
        connection.execute(
            sql.SQL("create role {} login createdb createrole password {}").format(user, sql.Literal(owner["password"]))
        )
        connection.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(name), user))
