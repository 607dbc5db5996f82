"""The whole process, as the container runs it: real stores, emulated AWS, simulated exchange."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.redis_keys import OWED_HITS
from algotrading.contracts.messages import OrderEvent
from exchange_simulator.server import ExchangeServer
from fargate_listener.hit_commands import OwedHit
from tests.fakes.examples import TRADING_DAY, make_user
from tests.integration.fargate_listener.conftest import World, announced
from tests.integration.fargate_listener.desks import PATIENCE, until
from twin.chaos.proxy import Break, Line

FAR_ABOVE_THE_MARKET = "99999"
FAR_BELOW_THE_MARKET = "1"


async def ask_health(world: World, port: int | None = None) -> dict[str, Any]:
    """The health document; an unreachable one is as good as an unhealthy one."""
    return await asyncio.to_thread(_read_health, f"http://127.0.0.1:{port or world.health_port}/health")


def _read_health(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return dict(json.load(answer), http=answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error), http=error.code)
    except OSError:
        return {"status": "not listening", "reasons": ["not listening"], "http": 0}


async def until_health(world: World, wanted: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The first health document that is as wanted."""
    async with asyncio.timeout(PATIENCE):
        while not wanted(document := await ask_health(world)):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.05)
        return document


def is_healthy(document: dict[str, Any]) -> bool:
    return bool(document["status"] == "healthy")


def drop_sockets(server: ExchangeServer) -> None:
    for socket in server.simulator.ticker.connections():
        socket.abort()


async def exit_code(process: Awaitable[int]) -> int:
    async with asyncio.timeout(PATIENCE):
        return await process


async def test_an_armed_stop_found_at_the_start_is_guarded(world: World) -> None:
    # Given a position bought before the watcher (re)started, with the market already below its stop
    world.log_in_feed_account()
    strategy = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
    world.buy(strategy)

    await world.start_watcher()
    command = await world.next_command()

    assert command.event is OrderEvent.STOPLOSS
    assert command.strategy_id == strategy.strategy_id
    assert command.user_id == strategy.user_id
    assert command.trading_day == TRADING_DAY
    assert command.due is None
    assert command.cause == "watcher"
    assert re.fullmatch(f"{strategy.strategy_id}:{TRADING_DAY}:STOPLOSS:[0-9]+", command.deduplication_id)
    assert command.price is not None
    assert command.price > 0
    assert command.tick_at is not None
    assert command.tick_at < datetime.now(UTC) < command.tick_at + timedelta(minutes=1)


async def test_an_announced_stop_is_guarded_and_its_price_published(world: World) -> None:
    world.log_in_feed_account()
    await world.start_watcher()
    await until_health(world, is_healthy)
    assert await world.health_exit_code() == 0

    strategy = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
    world.buy(strategy)
    world.runtime.announce(announced(strategy))
    command = await world.next_command()

    assert command.strategy_id == strategy.strategy_id
    await until_health(world, lambda _: world.runtime.last_price("INFY"))


async def test_health_says_why_a_stop_would_not_be_seen(world: World) -> None:
    # Given nobody has logged the feed account in, as before every first deployment and on every morning
    await world.start_watcher()
    document = await until_health(world, lambda answer: "feed account" in str(answer["reasons"]))
    # A new task would see no more: this one is not replaced
    document = await until_health(world, lambda answer: answer["status"] == "waiting")
    assert document["http"] == 200
    assert await world.health_exit_code() == 0

    # When somebody does
    world.log_in_feed_account()

    healthy = await until_health(world, is_healthy)
    assert healthy["reasons"] == []


@pytest.mark.slow
async def test_a_database_that_hangs_is_noted_and_another_connection_finds_it_well_again(world: World) -> None:
    world.log_in_feed_account()
    watcher = await world.start_watcher()
    await until_health(world, is_healthy)
    with world.postgres.system.system() as session:
        rows = session.execute(
            "select pid from pg_stat_activity where datname = current_database() and usename = current_user"
            " and pid <> pg_backend_pid()"
        ).fetchall()
    backends = [row["pid"] for row in rows]
    assert backends

    # When the processes that serve the watcher stand still, behind connections that live
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        hangs = "the stops could not be compared with PostgreSQL; going on with those in memory"
        document = await until_health(world, lambda answer: hangs in answer["notes"])
        assert document["status"] == "healthy"
        # Then the next check has another connection, while the first still stands still
        await until_health(world, lambda answer: answer.get("notes") == [])
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)

    def told() -> list[list[str]]:
        lines = watcher.log.read_text().splitlines()
        return [json.loads(line)["notes"] for line in lines if '"the watcher sees"' in line]

    await until_health(world, lambda _: told()[-2:] == [[hangs], []])
    assert "the stops could not be compared with PostgreSQL: TransactionFailed" in watcher.log.read_text()


async def test_the_store_knows_how_long_the_watcher_was_blind(world: World) -> None:
    world.log_in_feed_account()
    await world.start_watcher()
    await until_health(world, lambda _: world.runtime.sight())
    before = world.runtime.sight()

    # When the broker drops it, and refuses it for longer than two reports are apart
    world.exchange.run(lambda server: server.simulator.faults.arm("403_on_reconnect", count=None))
    world.exchange.run(drop_sockets)
    await asyncio.sleep(4)
    world.exchange.run(lambda server: server.simulator.faults.clear())

    await until_health(world, lambda _: (now := world.runtime.sight()) and before and now.blind > before.blind)
    after = world.runtime.sight()
    assert before is not None
    assert after is not None
    assert timedelta(seconds=3) < after.blind - before.blind <= after.at - before.at


async def test_a_terminated_watcher_leaves_in_good_order(world: World) -> None:
    world.log_in_feed_account()
    strategy = world.add_running_strategy(FAR_BELOW_THE_MARKET)
    world.buy(strategy)
    watcher = await world.start_watcher()
    await until_health(world, lambda answer: is_healthy(answer) and answer["armed_stops"] == 1)

    watcher.process.terminate()

    assert await exit_code(watcher.process.wait()) == 0
    assert world.exchange.run(lambda server: server.simulator.ticker.connections()) == []
    assert await world.health_exit_code() == 1


@asynccontextmanager
async def queue_away(world: World) -> AsyncIterator[Line]:
    """The watcher's calls of the queue are reset until the line is healed."""
    line = Line(world.aws.endpoint)
    endpoint = await line.start()
    world.environment["AWS_ENDPOINT_URL_SQS"] = f"http://{endpoint.host}:{endpoint.port}"
    line.strike(Break.REFUSE)
    yield line
    await line.stop()


async def test_a_terminated_watcher_sees_on_until_the_queue_has_every_hit(world: World) -> None:
    world.log_in_feed_account()
    first = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
    world.buy(first)
    async with queue_away(world) as line:
        watcher = await world.start_watcher()
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 1)

        # When it is told to leave, and another stop is reached after that
        watcher.process.terminate()
        second = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
        world.buy(second)
        world.runtime.announce(announced(second))
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 2)
        assert watcher.process.returncode is None
        line.heal_all()

        assert await exit_code(watcher.process.wait()) == 0
    told = {(await world.next_command()).strategy_id for _ in range(2)}
    assert told == {first.strategy_id, second.strategy_id}


async def test_hits_that_the_queue_never_took_outlive_every_watcher(world: World) -> None:
    # Given a stop that was reached while the queue was away, and a watcher that left before it was back
    world.environment["LEAVE_SECONDS"] = "1"
    world.log_in_feed_account()
    strategy = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
    world.buy(strategy)
    moved = world.add_running_strategy(FAR_ABOVE_THE_MARKET)
    world.buy(moved)
    async with queue_away(world) as line:
        watcher = await world.start_watcher()
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 2)
        assert (await ask_health(world, world.health_port))["http"] == 200
        watcher.process.terminate()
        assert await exit_code(watcher.process.wait()) == 0
        owed = world.redis.hvals(OWED_HITS)
        assert len(owed) == 2

        # When the next one sees no price at all, one of the stops was lowered meanwhile, and an entry is no hit
        lowered = replace(moved, plan=replace(moved.plan, stop_loss=Decimal(FAR_BELOW_THE_MARKET)), version=2)
        PostgresStrategies(world.postgres.app).save(lowered, expected_version=1)
        world.redis.hset(OWED_HITS, "x", b"\xff\xfe")
        world.environment |= {"KITE_SOCKET_URL": "ws://127.0.0.1:9", "KITE_API_URL": "http://127.0.0.1:9"}
        await world.start_watcher()
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 1)
        line.heal_all()

        # Then the hit is in the queue, and owed no more
        command = await world.next_command()
        assert command.strategy_id == strategy.strategy_id
        ticked = {one.strategy_id: one.tick_at for one in map(OwedHit.model_validate_json, owed)}
        reached = ticked[strategy.strategy_id]
        assert reached is not None
        assert command.tick_at is not None
        assert abs(command.tick_at - reached) < timedelta(seconds=0.1)
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 0)
        await until(lambda: world.redis.hkeys(OWED_HITS) == ["x"])


async def test_a_terminated_watcher_does_not_wait_for_ever(world: World) -> None:
    world.environment["LEAVE_SECONDS"] = "1"
    world.log_in_feed_account()
    world.buy(world.add_running_strategy(FAR_ABOVE_THE_MARKET))
    async with queue_away(world):
        watcher = await world.start_watcher()
        await until_health(world, lambda answer: answer.get("undelivered_hits") == 1)

        watcher.process.terminate()

        async with asyncio.timeout(20):
            assert await watcher.process.wait() == 0
    assert "hits were not delivered" in watcher.log.read_text()


async def test_a_watcher_that_is_redialling_leaves_in_good_order_too(world: World) -> None:
    # Given an exchange that refuses every dial
    world.exchange.run(lambda server: server.simulator.faults.arm("403_on_reconnect", count=None))
    world.log_in_feed_account()
    watcher = await world.start_watcher()
    await until_health(world, lambda answer: "403" in str(answer["reasons"]))

    watcher.process.terminate()

    assert await exit_code(watcher.process.wait()) == 0


async def test_no_secret_is_in_the_log(world: World) -> None:
    world.log_in_feed_account()
    watcher = await world.start_watcher()
    await until_health(world, is_healthy)
    await watcher.stop()

    log = watcher.log.read_text()
    assert "connected to the price feed" in log
    assert str(world.app.access_token) not in log
    assert world.app.api_key not in log
    assert world.app.api_secret not in log


async def test_without_settings_it_refuses_to_start(world: World) -> None:
    del world.environment["FEED_ACCOUNT_EMAIL"]
    watcher = await world.start_watcher()

    assert await exit_code(watcher.process.wait()) == 2
    assert "FEED_ACCOUNT_EMAIL" in watcher.log.read_text()


async def test_the_feed_accounts_own_orders_are_hints_without_any_other_token(world: World) -> None:
    # Given a feed account that trades too
    world.log_in_feed_account()
    strategy = world.add_running_strategy(FAR_BELOW_THE_MARKET, world.feed_user_id)
    world.buy_today(strategy)
    await world.start_watcher()
    await until_health(world, lambda answer: is_healthy(answer) and answer["armed_stops"] == 1)

    await world.buy_by_hand(world.app)

    command = await world.next_command()
    assert (command.event, command.cause) == (OrderEvent.RECONCILE, "socket")
    assert command.strategy_id == strategy.strategy_id
    assert len(world.exchange.run(lambda server: server.simulator.ticker.connections())) == 1


async def test_with_order_sockets_a_traders_own_orders_are_hints(world: World) -> None:
    world.environment["ORDER_UPDATE_SOCKETS"] = "true"
    world.log_in_feed_account()
    app = world.exchange.run(lambda server: server.create_account())
    trader = world.log_in(make_user(), app)
    strategy = world.add_running_strategy(FAR_BELOW_THE_MARKET, trader)
    world.buy_today(strategy)
    watcher = await world.start_watcher()
    await until_health(world, lambda _: world.exchange.run(lambda s: len(s.simulator.ticker.connections(app))) == 1)

    await world.buy_by_hand(app)

    command = await world.next_command()
    assert (command.event, command.cause) == (OrderEvent.RECONCILE, "socket")
    assert command.strategy_id == strategy.strategy_id
    assert str(app.access_token) not in watcher.log.read_text()


async def test_without_order_sockets_no_traders_token_is_used(world: World) -> None:
    world.log_in_feed_account()
    app = world.exchange.run(lambda server: server.create_account())
    strategy = world.add_running_strategy(FAR_BELOW_THE_MARKET, world.log_in(make_user(), app))
    world.buy_today(strategy)
    await world.start_watcher()
    await until_health(world, lambda answer: is_healthy(answer) and answer["armed_stops"] == 1)

    await asyncio.sleep(3)

    assert world.exchange.run(lambda server: server.simulator.ticker.connections(app)) == []
