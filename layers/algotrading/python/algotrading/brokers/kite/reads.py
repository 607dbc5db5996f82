"""What an answer to a read is worth: the data, or a fault the services know."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from algotrading.brokers.kite.connection import Reply
from algotrading.brokers.kite.envelope import read_envelope
from algotrading.domain.errors import BrokerAuthFailed, BrokerTokenRefused, BrokerUnavailable

_BLAMES_KEYS = re.compile(r"checksum|api_key|api_secret", re.IGNORECASE)


def data_of(reply: Reply, what: str) -> Any:
    """The `data` of a successful answer.

    Raises:
        BrokerTokenRefused: by a TokenException under 403, which is what a session that is over gets (Kite Connect
            documentation, exceptions).
        BrokerAuthFailed: Kite refuses these credentials.
        BrokerUnavailable: anything else than a success in Kite's own form.
    """
    envelope = read_envelope(reply)
    if envelope is None:
        raise BrokerUnavailable(f"Kite's answer about {what} is in no known form (HTTP {reply.status})")
    if 200 <= reply.status < 300 and envelope.is_success:
        return envelope.data
    said = f"{envelope.error_type}: {envelope.message}"
    is_of_token = envelope.error_type == "TokenException"
    if envelope.is_error and is_of_token and reply.status == HTTPStatus.FORBIDDEN:
        raise BrokerTokenRefused(f"Kite refuses these credentials for {what} ({said})")
    if envelope.is_error and (reply.status == HTTPStatus.FORBIDDEN or is_of_token):
        raise BrokerAuthFailed(f"Kite refuses these credentials for {what} ({said})")
    raise BrokerUnavailable(f"Kite has no answer about {what} (HTTP {reply.status}, {said})")


def identity_of(reply: Reply, what: str) -> Any:
    """`data_of` for the calls that prove who somebody is: there a malformed key is a refused one too.

    Raises:
        BrokerAuthFailed: Kite refuses these credentials.
        BrokerUnavailable: anything else than a success in Kite's own form.
    """
    envelope = read_envelope(reply)
    if reply.status == HTTPStatus.BAD_REQUEST and envelope is not None and envelope.error_type == "InputException":
        raise BrokerAuthFailed(f"Kite refuses these credentials for {what} ({envelope.message})")
    return data_of(reply, what)


def session_of(reply: Reply) -> Any:
    """`identity_of` for the exchange of a request token, which is good once and for a few minutes (Kite
    Connect documentation, user).

    Raises:
        BrokerAuthFailed: the login is used up or too old, or the app's keys are wrong.
        BrokerUnavailable: anything else than a success in Kite's own form.
    """
    envelope = read_envelope(reply)
    said = envelope.message if envelope is not None and envelope.error_type == "TokenException" else None
    if said is not None and "checksum" in said.lower():
        # Of api_key, request token and api_secret, of which only the last is not seen by Kite before.
        raise BrokerAuthFailed(
            f"Kite refuses these credentials for the login ({said}): the api_secret is most likely not the one of this"
            " api_key: connect again with the secret that the app's page at the broker shows"
        )
    if said is not None and not _BLAMES_KEYS.search(said):
        raise BrokerAuthFailed("this login has been used or is too old: start it again")
    return identity_of(reply, "the login")
