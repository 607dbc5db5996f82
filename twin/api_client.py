"""The product's API as an app and a browser use it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import aiohttp

from twin.exchange import BrokerAccount


class ApiRefused(Exception):
    """The API answered with an error; the message is its own. `code` is the error's, "" where a gateway answered."""

    def __init__(self, message: str, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Login:
    """E-mail address and password of a person."""

    email: str
    password: str = field(repr=False)

    @classmethod
    def fresh(cls, email: str | None = None) -> Login:
        """A new password, and an address of its own unless one is given."""
        return cls(email or f"trader-{secrets.token_hex(3)}@example.com", secrets.token_urlsafe(12))


class ApiClient:
    """One person's calls. `log_in` comes first, for whoever has an account."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url
        self._headers: dict[str, str] = {}
        self.user_id = ""
        self.token = ""

    async def register(self, login: Login) -> None:
        """Ask for an account: a mail with the token of `confirm` is on its way then."""
        await self.call("POST", "/api/v1/auth/register", {"email": login.email, "password": login.password})

    async def confirm(self, token: str, login: Login) -> None:
        """Open the account by the token of the mail."""
        body = {"token": token, "password": login.password}
        self.user_id = (await self.call("POST", "/api/v1/auth/register/confirm", body))["user_id"]

    async def log_in(self, login: Login) -> None:
        """Use the account from now on."""
        body = {"email": login.email, "password": login.password}
        self.token = (await self.call("POST", "/api/v1/auth/login", body))["token"]
        self._headers = {"Authorization": f"Bearer {self.token}"}

    async def connect_broker(self, account: BrokerAccount, account_id: str | None = None) -> str:
        """Give the broker's keys, log in there, and come back connected: in the default account, unless it is named.

        Returns the broker's user id.
        """
        keys = {"api_key": account.api_key, "api_secret": account.api_secret}
        named = {} if account_id is None else {"account_id": account_id}
        await self.call("POST", "/api/v1/broker/connect", {**keys, **named})
        return await self.log_in_to_broker(account_id)

    async def log_in_to_broker(self, account_id: str | None = None) -> str:
        """Log in on the broker's page as a browser does, and come back connected.

        Returns the broker's user id.
        """
        login_url = (await self.call("GET", f"/api/v1/broker/login{naming(account_id)}"))["login_url"]
        async with self._http.get(login_url) as page:
            form = _LoginForm(await page.text())
        # The browser follows the broker's redirect to our callback, without our header.
        accepts = {"Accept": "application/json"}
        async with self._http.post(urljoin(login_url, form.action), data=form.fields, headers=accepts) as response:
            answer = await _document(response)
        return str(answer["broker_user_id"])

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request. Raises ApiRefused."""
        async with self._http.request(method, self._url + path, json=body, headers=self._headers) as response:
            return await _document(response)


def naming(account_id: str | None) -> str:
    """The query that names a broker account; nothing for the default one."""
    return "" if account_id is None else f"?account_id={account_id}"


async def _document(response: aiohttp.ClientResponse) -> dict[str, Any]:
    document: dict[str, Any] = await response.json(content_type=None)
    if response.status >= 400:
        text = f"{response.method} {response.url.path}: {response.status} {document}"
        raise ApiRefused(text, response.status, str((document or {}).get("error", "")))
    return document


class _LoginForm(HTMLParser):
    """The form on the broker's login page: where it goes and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = attributes.get("action", "")
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
