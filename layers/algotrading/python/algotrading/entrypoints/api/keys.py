"""Routes of keys for programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_keys import (
    ApiKeysView,
    ApiKeyView,
    CreateKeyRequest,
    KeyRevokedAnswer,
    NewKeyAnswer,
)
from algotrading.domain.api_keys import ApiKey
from algotrading.domain.errors import (
    AlgotradingError,
    AuthenticationFailed,
    Conflict,
    NotFound,
    RequestInvalid,
    SecondFactorRequired,
    TooManyTries,
)
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import caller, new_router
from algotrading.services.programs import Programs


class KeyRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], Programs]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router, path = new_router(), "/api/v1/account/keys"
        router.get(path, **_route("My programs' keys", "Every key"))(self.show)
        router.post(
            path,
            status_code=201,
            **_route(
                "Make a key for a program",
                "The key",
                RequestInvalid,
                AuthenticationFailed,
                SecondFactorRequired,
                Conflict,
                TooManyTries,
                status=201,
            ),
        )(self.create)
        router.delete(f"{path}/<id>", **_route("Revoke a key", "It opens nothing any more", NotFound))(self.revoke)
        return router

    def show(self, request: Request) -> ApiKeysView:
        """The caller's keys: what each opens, until when, and when it was used last."""
        services = self._services()
        now = services.clock.now()
        return ApiKeysView(keys=[ApiKeyView(**_shown(each, now)) for each in services.of_user(caller(request))])

    def create(self, request: Request, body: CreateKeyRequest) -> NewKeyAnswer:
        """Make a key, by which a program asks in the caller's name: as a bearer token, within its scopes, and never for
        what concerns the account's security. Only a hash of it is kept, so it is shown this once."""
        services = self._services()
        key, text = services.create(
            caller(request),
            name=body.name,
            scopes=body.scopes,
            lasts=timedelta(days=body.expires_in_days),
            code=body.code,
        )
        return NewKeyAnswer(**_shown(key, key.created_at), key=text)

    def revoke(self, request: Request, id: UUID) -> KeyRevokedAnswer:
        """Take a key back, from the program's next request on."""
        self._services().revoke(caller(request), id)
        return KeyRevokedAnswer(key_id=id)


def _route(summary: str, success: str, *errors: type[AlgotradingError], status: int = 200) -> dict[str, Any]:
    responses = answers(success, *errors, status=status)
    return {"summary": summary, "tags": ["Programs"], "security": BEARER, "responses": responses}


def _shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "is_alive": key.is_alive(now),
    }
