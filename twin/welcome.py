"""What the reader needs to go on alone: addresses, a login, broker keys, and commands to paste."""

from __future__ import annotations

from rich.markup import escape

from twin.api_client import ApiClient, Login
from twin.app_server import HOW_TO_BUILD
from twin.console import Narrator
from twin.exchange import BrokerAccount
from twin.running import Twin
from twin.script import FUNDS
from twin.stage import open_account

DEMO_BROKER_USER = "DEMO01"
FAMILY_BROKER_USER = "DEMO02"
_PICK_ACCOUNT = """python3 -c 'import json, sys; print(json.load(sys.stdin)["account_id"])'"""
_PICK_CODE = """python3 -c 'import re, sys; print(re.findall(r"/confirm#([\\w.-]+)", sys.stdin.read())[-1])'"""
"""Shell that takes the code of the last registration out of the mailbox's messages."""
_PICK_IT = """python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'"""
"""Shell that takes the access token out of the answer piped to it."""


async def welcome(twin: Twin, narrator: Narrator, trader: Login | None) -> None:
    """Print how to use the running product, as `trader` or, without one, as somebody newly registered."""
    if trader is None:
        trader = Login.fresh()
        await open_account(twin, ApiClient(twin.http, twin.api_url), trader)
    callback = f"{twin.api_url}/api/v1/broker/callback"
    spare = await twin.exchange.open_account(DEMO_BROKER_USER, funds=FUNDS, redirect_url=callback)
    family = await twin.exchange.open_account(FAMILY_BROKER_USER, funds=FUNDS, redirect_url=callback)
    twin.app.tell({"demo": _demo(trader, spare)})
    narrator.say(f"app {twin.app_url}" if twin.app_url else HOW_TO_BUILD)
    narrator.say(f"API {twin.api_url}/api/v1   docs {twin.api_url}/docs   exchange {twin.exchange_address.url}")
    narrator.say(f"mailbox {twin.mailbox.url}   everything that is sent to people arrives there")
    narrator.console.print(escape(_text(twin, trader, spare, family)), soft_wrap=True, highlight=False)
    narrator.say("ready; Ctrl-C stops everything and forgets everything")


def _demo(trader: Login, spare: BrokerAccount) -> dict[str, str]:
    """What the app fills in for somebody who looks around; everything here is simulated."""
    return {
        "email": trader.email,
        "password": trader.password,
        "brokerKey": spare.api_key,
        "brokerSecret": spare.api_secret,
    }


def _text(twin: Twin, trader: Login, spare: BrokerAccount, family: BrokerAccount) -> str:
    return f"""
  The demo trader   {trader.email}   password {trader.password}

    export API={twin.api_url}/api/v1 EXCHANGE={twin.exchange_address.url} MAILBOX={twin.mailbox.url}
    TOKEN=$(curl -s $API/auth/login -H 'Content-Type: application/json' \\
        -d '{{"email": "{trader.email}", "password": "{trader.password}"}}' | {_PICK_IT})
    export TOKEN AUTH="Authorization: Bearer $TOKEN"
    curl -s $API/strategy -H "$AUTH"

  Somebody new registers in the app, or as below: the mail whose link opens the account comes to the mailbox,
  {twin.mailbox.url}

  A simulated broker account for them ({spare.user_id}, ₹{FUNDS:,})

    api_key       {spare.api_key}
    api_secret    {spare.api_secret}
    access_token  {spare.access_token}

    curl -s $API/auth/register -H 'Content-Type: application/json' \\
        -d '{{"email": "you@example.com", "password": "a long passphrase"}}'
    sleep 2   # the mail is on its way to the mailbox; its link holds the code that opens the account
    CODE=$(curl -s $MAILBOX/messages | {_PICK_CODE})
    curl -s $API/auth/register/confirm -H 'Content-Type: application/json' \\
        -d '{{"token": "'$CODE'", "password": "a long passphrase"}}'
    TOKEN=$(curl -s $API/auth/login -H 'Content-Type: application/json' \\
        -d '{{"email": "you@example.com", "password": "a long passphrase"}}' | {_PICK_IT})
    export TOKEN AUTH="Authorization: Bearer $TOKEN"
    curl -s $API/broker/connect -H "$AUTH" -H 'Content-Type: application/json' \\
        -d '{{"api_key": "{spare.api_key}", "api_secret": "{spare.api_secret}"}}'

  The answer's login_url opened in a browser logs in with one button and comes back connected. With
  "access_token" in the body as well, the account is connected at once.

  One more account beside it ({family.user_id}), for a strategy that names its account_id

    ACCOUNT=$(curl -s $API/broker/accounts -H "$AUTH" -H 'Content-Type: application/json' \\
        -d '{{"name": "HUF"}}' | {_PICK_ACCOUNT})
    curl -s $API/broker/connect -H "$AUTH" -H 'Content-Type: application/json' \\
        -d '{{"account_id": "'$ACCOUNT'", "api_key": "{family.api_key}",
             "api_secret": "{family.api_secret}", "access_token": "{family.access_token}"}}'
    curl -s $API/broker/accounts -H "$AUTH"
"""
