"""Who may come in: the authorizer identifies, the door refuses."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import timedelta
from secrets import token_urlsafe
from uuid import uuid4

import jwt
import pytest

from algotrading.adapters.tokens import JwtTokens, signing_key
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.errors import TokenInvalid
from algotrading.entrypoints.api.docs import openapi_document
from tests.unit.api.world import SIGNING_KEY, ApiWorld

PROTECTED = [route for route in API_ROUTES if not route.is_open]
KNOWN_ID = "7f1f3c1e-7b8a-4a52-9c3b-0a1b2c3d4e5f"


def ask(world: ApiWorld, route: ApiRoute, token: str | None) -> tuple[int, str]:
    """Status and code of a request to `route` with an empty JSON object."""
    path = route.path.removeprefix("/api/v1").replace("{id}", KNOWN_ID)
    answer = world.call(route.method, path, {}, token=token)
    return answer.status, answer.error


def unsigned(**claims: object) -> str:
    """A token that says it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def claims(world: ApiWorld, **changes: object) -> dict[str, object]:
    """What a good token of somebody who is registered says: what is refused is refused for what `changes`."""
    now = int(world.clock.now().timestamp())
    [user_id] = world.database.users
    good = {"iss": "algotrading", "aud": "api", "sub": str(user_id), "iat": now, "exp": now + 3600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def sign(said: dict[str, object], *, secret: str = SIGNING_KEY, named_as: str | None = None) -> str:
    """A token signed with the key of `secret`, that says it is of the key of `named_as`."""
    key, _ = signing_key(secret)
    return jwt.encode(said, key, algorithm="EdDSA", headers={"kid": signing_key(named_as or secret)[1]})


def with_public_key_as_secret(said: dict[str, object]) -> str:
    """The attack on those who let the token choose between signature and shared secret."""
    key, kid = signing_key(SIGNING_KEY)
    head, body = ({"alg": "HS256", "typ": "JWT", "kid": kid}, said)
    text = ".".join(base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (head, body))
    mac = hmac.new(key.public_key().public_bytes_raw(), text.encode(), "sha256").digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: f"{route.method} {route.path}")
def test_an_expired_token_is_told_apart_on_every_route(world: ApiWorld, route: ApiRoute) -> None:
    token = world.register()
    before = world.snapshot()
    world.clock.sleep(timedelta(hours=12).total_seconds())

    assert ask(world, route, token) == (401, "TOKEN_EXPIRED")
    assert world.snapshot() == before


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: f"{route.method} {route.path}")
def test_no_token_opens_nothing_on_every_route(world: ApiWorld, route: ApiRoute) -> None:
    assert ask(world, route, None) == (401, "TOKEN_INVALID")


def test_a_token_is_good_until_its_last_second(world: ApiWorld) -> None:
    token = world.register()
    world.clock.sleep(timedelta(hours=12).total_seconds() - 1)

    assert world.call("GET", "/account", token=token).status == 200


@pytest.mark.parametrize(
    "forge",
    [
        lambda world: "garbage",
        lambda world: "a.b.c",
        lambda world: "",
        lambda world: "é" * 50,
        lambda world: unsigned(**claims(world)),
        lambda world: sign(claims(world), secret="another secret"),
        lambda world: sign(claims(world), secret="another secret", named_as=SIGNING_KEY),
        lambda world: sign(claims(world)) + "x",
        lambda world: sign(claims(world, iss="somebody-else")),
        lambda world: sign(claims(world, aud="broker-login")),
        lambda world: sign(claims(world, sub="not-a-user")),
        lambda world: sign(claims(world, exp=None)),
        lambda world: sign(claims(world, exp="soon")),
        lambda world: sign(claims(world, sub=None)),
        lambda world: jwt.encode(claims(world), signing_key(SIGNING_KEY)[0], algorithm="EdDSA"),
        lambda world: with_public_key_as_secret(claims(world)),
    ],
    ids=[
        "garbage",
        "three-parts",
        "empty",
        "not-ascii",
        "alg-none",
        "unknown-key",
        "foreign-key-under-our-name",
        "altered-signature",
        "foreign-issuer",
        "foreign-audience",
        "no-uuid",
        "no-expiry",
        "expiry-no-number",
        "no-subject",
        "no-key-named",
        "public-key-as-shared-secret",
    ],
)
def test_a_forged_or_garbled_token_is_invalid(world: ApiWorld, forge: object) -> None:
    assert callable(forge)
    world.register()
    assert world.call("GET", "/account", token=sign(claims(world))).status == 200

    answer = world.call("GET", "/account", token=forge(world))

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("header", ["Basic dXNlcjpwYXNz", "Bearer", "bearer  ", "Token abc"])
def test_other_schemes_are_no_identity(world: ApiWorld, header: str) -> None:
    answer = world.call("GET", "/account", headers={"Authorization": header})

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("name", ["token", "access_token", "Authorization", "authorization", "bearer"])
def test_a_good_token_in_the_address_is_no_identity(world: ApiWorld, name: str) -> None:
    token = world.register()

    answers = [
        world.call("GET", "/account", query={name: value}) for value in (token, f"Bearer {token}", f"bearer {token}")
    ]

    assert [(each.status, each.error) for each in answers] == [(401, "TOKEN_INVALID")] * 3


def test_no_route_takes_a_token_of_a_login_in_its_address() -> None:
    operations = [each for path in openapi_document()["paths"].values() for each in path.values()]
    parameters = [each for operation in operations for each in operation.get("parameters", ())]
    own = [each for each in parameters if "$ref" not in each]  # what routes share is a header
    shared = openapi_document()["components"]["parameters"].values()
    assert {each["in"] for each in shared} == {"header"}
    named = {each["name"] for each in own if each["in"] != "header"}

    # The broker's own, which its login page brings back, is for the broker.
    assert {each for each in named if "token" in each.lower()} <= {"request_token"}


def test_the_scheme_may_be_written_in_any_case(world: ApiWorld) -> None:
    token = world.register()

    assert world.call("GET", "/account", headers={"AUTHORIZATION": f"bearer {token}"}).status == 200


@pytest.mark.parametrize("has_second_factor", [False, True])
def test_the_authorizer_tells_the_function_the_user_how_they_logged_in_and_nothing_else(
    world: ApiWorld, has_second_factor: bool
) -> None:
    user_id = uuid4()
    token = world.token_for(user_id, second_factor=has_second_factor)

    verdict = world.authorizer.judge({"headers": {"authorization": f"Bearer {token}"}})

    context = {"user_id": str(user_id), "has_second_factor": has_second_factor}
    assert verdict == {"isAuthorized": True, "context": context}


def test_a_refusal_says_nothing_about_the_request_behind_it(world: ApiWorld) -> None:
    # Given a request that is wrong in itself too
    # When it comes with a bad token
    answer = world.call("POST", "/strategy/create", raw="{not json", token="garbage")

    # Then the token is judged first
    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


def test_a_rotation_logs_nobody_out_and_the_next_one_takes_the_old_key_out_of_use(world: ApiWorld) -> None:
    # Given a token of the first key
    user_id, secrets = uuid4(), ["one"]
    tokens = JwtTokens(lambda _: secrets, world.clock)
    first = tokens.issue(user_id, audience="api", lifetime=timedelta(minutes=15))

    # When the secret is rotated, it goes on beside the tokens of the second
    secrets[:] = ["two", "one"]
    second = tokens.issue(user_id, audience="api", lifetime=timedelta(minutes=15))
    assert [tokens.verify(each, audience="api") for each in (first, second)] == [user_id, user_id]

    # And after another rotation it does not
    secrets[:] = ["three", "two"]
    assert tokens.verify(second, audience="api") == user_id
    with pytest.raises(TokenInvalid):
        tokens.verify(first, audience="api")


def test_a_key_that_is_newer_than_what_is_cached_is_asked_for(world: ApiWorld) -> None:
    signer = JwtTokens(lambda _: ["new", "old"], world.clock)
    checker = JwtTokens(lambda is_unknown: ["new", "old"] if is_unknown else ["old"], world.clock)
    user_id = uuid4()

    token = signer.issue(user_id, audience="api", lifetime=timedelta(minutes=15))

    assert checker.verify(token, audience="api") == user_id


def test_which_refresh_token_follows_is_the_same_each_time_and_cannot_be_told_without_the_secret(
    world: ApiWorld,
) -> None:
    one, other = token_urlsafe(32), token_urlsafe(32)
    tokens, others = JwtTokens(lambda _: ["a secret"], world.clock), JwtTokens(lambda _: ["another"], world.clock)

    followers = {tokens.successor(one), tokens.successor(other), others.successor(one), one, other}

    assert tokens.successor(one) == tokens.successor(one)
    assert len(followers) == 5
    assert {len(base64.urlsafe_b64decode(f"{each}=")) for each in followers} == {32}


def test_nothing_that_signs_says_which_refresh_token_follows(world: ApiWorld) -> None:
    # The key of successors is derived from the same secret for that purpose alone.
    one = token_urlsafe(32)
    private = signing_key(SIGNING_KEY)[0].private_bytes_raw()
    for key in (private, SIGNING_KEY.encode()):
        mac = hmac.digest(key, one.encode(), "sha256")
        assert world.tokens.successor(one) != base64.urlsafe_b64encode(mac).decode().rstrip("=")
