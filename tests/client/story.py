"""A program that uses the API through the client that `test_generated_client.py` generates from its document.

Type-checked there, and run as `python story.py URL`: each answer has the type that the document says, or an assertion
fails.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from algotrading_client import AuthenticatedClient, Client
from algotrading_client.api.account import log_in_api_v1_auth_login_post as log_in
from algotrading_client.api.account import register_api_v1_auth_register_post as register
from algotrading_client.api.account import show_account_api_v1_account_get as show_account
from algotrading_client.api.strategy import create_api_v1_strategy_create_post as create
from algotrading_client.api.strategy import delete_api_v1_strategy_id_delete as delete
from algotrading_client.api.strategy import list_all_api_v1_strategy_get as list_all
from algotrading_client.api.strategy import read_api_v1_strategy_id_get as read
from algotrading_client.api.strategy import show_standing_api_v1_strategy_status_id_get as show_standing
from algotrading_client.api.strategy import update_api_v1_strategy_id_put as update
from algotrading_client.models import (
    AccountView,
    ErrorAnswer,
    GatewayRefusal,
    LoginAnswer,
    LoginRequest,
    MailAskedAnswer,
    PlanRequest,
    RegisterRequest,
    StrategyCreated,
    StrategyDeleted,
    StrategyDetails,
    StrategyList,
    StrategyStanding,
    StrategyUpdated,
)
from httpx import MockTransport, Response

EMAIL, PASSWORD = "program@example.com", "good-old-horse"
"""Of an account that is open: a new one is by the link of a mail, which its owner reads."""


def main(url: str) -> None:
    """Ask for an account, log in to one that is open, and take one strategy from its creation to its end."""
    stranger = Client(base_url=url, raise_on_unexpected_status=True)
    me = _log_in(stranger, url)
    strategy = create.sync(client=me, body=_plan(quantity=10))
    assert isinstance(strategy, StrategyCreated), strategy

    shown = read.sync_detailed(strategy.strategy_id, client=me)
    assert isinstance(shown.parsed, StrategyDetails), shown
    assert (shown.parsed.symbol, shown.parsed.quantity) == ("TCS", 10)

    # Of two changes of the state that was seen, the second is refused, and says so in the type of every refusal.
    seen = shown.headers["ETag"]
    changed = update.sync(strategy.strategy_id, client=me, body=_plan(quantity=20), if_match=seen)
    assert isinstance(changed, StrategyUpdated), changed
    assert changed.quantity == 20
    refused = update.sync(strategy.strategy_id, client=me, body=_plan(quantity=30), if_match=seen)
    assert isinstance(refused, ErrorAnswer), refused
    assert refused.error == "PRECONDITION_FAILED"

    wrong = create.sync(client=me, body=_plan(quantity=0))
    assert isinstance(wrong, ErrorAnswer), wrong
    assert (wrong.error, [problem.field for problem in wrong.details]) == ("STRATEGY_INVALID", ["quantity"])

    listed = list_all.sync(client=me)
    assert isinstance(listed, StrategyList), listed
    assert [each.strategy_id for each in listed.strategies] == [strategy.strategy_id]
    standing = show_standing.sync(strategy.strategy_id, client=me)
    assert isinstance(standing, StrategyStanding), standing

    away = show_account.sync(client=_turned_away())
    assert isinstance(away, GatewayRefusal), away
    assert away.message == "Unauthorized"

    gone = delete.sync(strategy.strategy_id, client=me)
    assert isinstance(gone, StrategyDeleted), gone
    missing = read.sync(uuid4(), client=me)
    assert isinstance(missing, ErrorAnswer), missing
    assert missing.error == "NOT_FOUND"


def _log_in(stranger: Client, url: str) -> AuthenticatedClient:
    asked = register.sync(client=stranger, body=RegisterRequest(email="another@example.com", password=PASSWORD))
    assert isinstance(asked, MailAskedAnswer), asked
    answer = log_in.sync(client=stranger, body=LoginRequest(email=EMAIL, password=PASSWORD))
    assert isinstance(answer, LoginAnswer), answer
    me = AuthenticatedClient(base_url=url, token=answer.token, raise_on_unexpected_status=True)
    account = show_account.sync(client=me)
    assert isinstance(account, AccountView), account
    assert account.email == EMAIL
    return me


def _turned_away() -> AuthenticatedClient:
    """A client that the gateway answers by itself, as it does whoever sends no Authorization header."""
    gateway = MockTransport(lambda _: Response(401, json={"message": "Unauthorized"}))
    return AuthenticatedClient(
        base_url="http://gateway", token="", raise_on_unexpected_status=True, httpx_args={"transport": gateway}
    )


def _plan(*, quantity: int) -> PlanRequest:
    return PlanRequest(buy_time="09:30:00", sell_time="15:00:00", symbol="TCS", quantity=quantity, stop_loss=3500)


if __name__ == "__main__":
    main(sys.argv[1])
