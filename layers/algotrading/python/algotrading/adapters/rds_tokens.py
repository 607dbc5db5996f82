"""Tokens with which a user of RDS for PostgreSQL logs in instead of a password (Amazon RDS documentation, IAM database
authentication)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from algotrading.domain.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_LIFETIME_SECONDS = 900
"""What RDS takes. A token is looked at when a connection is made and never again, so each is made where it is used."""


class RdsTokens:
    """Signs tokens, without asking anybody: whether IAM allows the user to log in, RDS finds out.

    The same as botocore's `generate_db_auth_token`, without a client of RDS: making one takes 18 ms on a fast core,
    three times what SQS's takes, and several times that where a cold exit would wait for it.
    """

    def __init__(self, credentials: Callable[[], Credentials | None], region: str) -> None:
        """`credentials`: this process's own; asked for each token, since those of a container change."""
        self._credentials = credentials
        self._region = region

    def make(self, *, host: str, port: int, user: str) -> str:
        """What `user` gives as its password to the server at `host`; it must travel inside TLS alone.

        Raises:
            DatabaseUnavailable: this process has no credentials.
        """
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        credentials = self._credentials()
        if credentials is None:
            raise DatabaseUnavailable("there are no AWS credentials to log in to the database with")
        request = AWSRequest("GET", f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user})
        SigV4QueryAuth(credentials, "rds-db", self._region, expires=_LIFETIME_SECONDS).add_auth(request)
        return str(request.url).removeprefix("https://")


def own_rds_tokens() -> RdsTokens:
    """Tokens under the credentials of this process, in its region, as botocore finds both."""
    from botocore.session import get_session

    session = get_session()
    return RdsTokens(session.get_credentials, str(session.get_config_variable("region")))
