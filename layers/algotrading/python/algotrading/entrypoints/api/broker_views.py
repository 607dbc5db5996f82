"""A broker connection as the API shows it."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Request

from algotrading.contracts.api_broker import BrokerView
from algotrading.entrypoints.http import public_url
from algotrading.services.broker_connection import Connection


def connection_view(connection: Connection, request: Request) -> BrokerView:
    """Without its secrets, and with the address that the broker may post to."""
    path = f"/api/v1/broker/postback/{connection.postback_id}"
    return BrokerView(
        account_id=connection.account_id,
        status=connection.status.value,
        broker=connection.broker,
        broker_user_id=connection.broker_user_id,
        token_at=connection.token_at,
        token_expires_at=connection.token_expires_at,
        token_refused_at=connection.token_refused_at,
        api_key=connection.api_key,
        addresses=connection.addresses,
        postback_url=None if connection.postback_id is None else public_url(request, path),
    )
