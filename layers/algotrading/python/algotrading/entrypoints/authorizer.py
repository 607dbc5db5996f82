"""Tells API Gateway who calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from algotrading.domain.api_keys import PREFIX, read_key
from algotrading.domain.errors import AuthenticationFailed, TokenInvalid
from algotrading.ports import Tokens
from algotrading.services.accounts import API_AUDIENCE


class TokenAuthorizer:
    """Lambda authorizer of an HTTP API, payload version 2.0, simple responses.

    It identifies and lets pass; `entrypoints.http` refuses. A refusal here would reach the client as the
    gateway's own 403 without a code, so what is wrong with a token travels in the context instead. The
    context holds either `user_id` or `error`, never both, and no function does anything without a user.

    A key of a program's is only read here: the context has its hash, and whose it says it is, under names of their
    own. The function's door looks the hash up, at every request, so that a revoked key is not good for as long as the
    gateway remembers this answer.
    """

    def __init__(self, tokens: Callable[[], Tokens]) -> None:
        """`tokens` is called at each request; the first call may build them."""
        self._tokens = tokens

    def judge(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The simple response for one request."""
        try:
            token = _bearer_token(event)
            if token.startswith(PREFIX):
                return {"isAuthorized": True, "context": _key_context(token)}
            bearer = self._tokens().read(token, audience=API_AUDIENCE)
        except AuthenticationFailed as error:
            return {"isAuthorized": True, "context": {"error": error.code}}
        context = {"user_id": str(bearer.user_id), "has_second_factor": bearer.has_second_factor}
        if bearer.device_id is not None:
            context["device_id"] = str(bearer.device_id)
        return {"isAuthorized": True, "context": context}


def _key_context(token: str) -> dict[str, str]:
    read = read_key(token)
    if read is None:
        raise TokenInvalid("this API key is not one of ours")
    owner, key_hash = read
    return {"key_owner": str(owner), "key_hash": key_hash.hex()}


def _bearer_token(event: Mapping[str, Any]) -> str:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = str(headers.get("authorization", "")).strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenInvalid("a bearer token is needed")
    return token.strip()
