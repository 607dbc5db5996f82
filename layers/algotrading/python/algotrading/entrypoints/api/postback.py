"""The route that brokers post order updates to."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_broker import PostbackAnswer
from algotrading.contracts.api_common import Identifier
from algotrading.contracts.postback import Postback
from algotrading.domain.errors import AccessDenied, NotFound, RequestInvalid
from algotrading.entrypoints.api.answers import answers
from algotrading.entrypoints.http import new_router
from algotrading.services.postbacks import Postbacks


class PostbackRoutes:
    """`postbacks` is called at each request; the first call may build it."""

    def __init__(self, postbacks: Callable[[], Postbacks]) -> None:
        self._postbacks = postbacks

    def router(self) -> Router:
        """This route, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/broker/postback/<account>",
            summary="Where the broker posts order updates",
            tags=["Broker"],
            responses=answers(
                "Received; the broker's book decides", RequestInvalid, AccessDenied, NotFound, is_open=True
            ),
        )(self.take)
        return router

    def take(self, account: Identifier, body: Postback) -> PostbackAnswer:
        """An order update, signed by the broker with the app's secret; `account` is in the connection's own
        `postback_url`. It is a hint: the order book is read, and nothing in the body is believed."""
        self._postbacks().receive(account, body)
        return PostbackAnswer()
