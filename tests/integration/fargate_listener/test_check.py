"""`--check` as an operator runs it: real stores, emulated AWS, simulated exchange."""

from __future__ import annotations

import asyncio

from tests.integration.fargate_listener.conftest import FEED_EMAIL, World
from tests.integration.fargate_listener.desks import PATIENCE
from twin.environment_file import write_environment
from twin.processes import start_module
from twin.servers import free_port


async def check(world: World) -> tuple[int, dict[str, str], str]:
    """Exit code, what is said of each thing with its verdict, and all of the output."""
    child = await start_module(world.state, "check", "fargate_listener", "--check", environment=world.environment)
    async with asyncio.timeout(PATIENCE):
        code = await child.process.wait()
    output = child.log.read_text()
    child.log.unlink()
    lines = [line for line in output.splitlines() if line[:5].strip() in {"OK", "WARN", "FAIL"}]
    return code, {line[6:18].strip(): f"{line[:5].strip()} {line[19:]}" for line in lines}, output


async def test_a_watcher_that_would_see_is_told_so_line_by_line(world: World) -> None:
    world.log_in_feed_account()
    strategy = world.add_running_strategy("1")
    world.buy(strategy)

    code, said, output = await check(world)

    assert code == 0, output
    assert {verdict.split()[0] for what, verdict in said.items() if what != "compiled"} == {"OK"}
    assert list(said) == [
        "settings",
        "compiled",
        "calendar",
        "secret",
        "PostgreSQL",
        "queue",
        "order news",
        "Redis",
        "clock",
        "feed account",
        "quotes",
    ]
    assert world.exchange.url in said["settings"]
    assert said["quotes"] == f"OK {world.exchange.url} answers"
    assert "1 armed stop" in said["PostgreSQL"]
    assert FEED_EMAIL in said["feed account"]
    assert output.endswith("a watcher with these settings would see\n")


async def test_a_check_leaves_no_socket_and_no_message_behind(world: World) -> None:
    world.log_in_feed_account()

    await check(world)

    assert world.exchange.run(lambda server: server.simulator.ticker.connections()) == []
    assert await asyncio.to_thread(world._receive) == []


async def test_no_secret_is_printed(world: World) -> None:
    world.log_in_feed_account()
    world.exchange.run(lambda server: server.simulator.faults.arm("403_on_reconnect", count=None))

    _, _, output = await check(world)

    for secret in (world.app.access_token, world.app.api_key, world.app.api_secret, "system_role-password"):
        assert str(secret) not in output


async def test_a_feed_account_that_is_not_logged_in_would_keep_it_blind(world: World) -> None:
    code, said, output = await check(world)

    assert code == 1
    assert said["feed account"].startswith("FAIL ")
    assert f"Log {FEED_EMAIL} in to the broker" in said["feed account"]
    assert output.endswith("a watcher with these settings would be blind\n")


async def test_one_feed_account_of_two_is_enough_to_see(world: World) -> None:
    world.log_in_feed_account()
    world.environment["FEED_ACCOUNT_EMAIL"] = f"second@example.com,{FEED_EMAIL}"

    code, _, output = await check(world)

    assert code == 0
    assert "WARN  feed account the feed account second@example.com has no broker connection" in output
    assert f"OK    feed account {FEED_EMAIL} is logged in" in output


async def test_a_token_that_the_broker_refuses_is_told_apart_from_one_that_is_missing(world: World) -> None:
    world.log_in_feed_account()
    world.exchange.run(lambda server: server.simulator.faults.arm("403_on_reconnect", count=None))

    code, said, _ = await check(world)

    assert code == 1
    assert said["feed account"].startswith("FAIL the upgrade was refused: HTTP 403")


async def test_without_redis_it_would_see_and_is_warned(world: World) -> None:
    world.log_in_feed_account()
    world.environment["REDIS_PORT"] = str(free_port())

    code, said, _ = await check(world)

    assert code == 0
    assert said["Redis"].startswith("WARN ")
    assert said["clock"].startswith("WARN ")


async def test_everything_that_is_away_is_named_with_its_remedy(world: World) -> None:
    world.log_in_feed_account()
    world.environment["DATABASE_PORT"] = str(free_port())
    world.environment["PRIORITY_QUEUE_URL"] = world.queue_url.replace(".fifo", "-gone.fifo")
    world.environment["DATABASE_SECRET_ARN"] += "-gone"

    code, said, _ = await check(world)

    assert code == 1
    assert said["secret"].startswith("FAIL AWS says ResourceNotFoundException. See that DATABASE_SECRET_ARN")
    assert said["PostgreSQL"].startswith("FAIL ")
    assert "mend that first" in said["PostgreSQL"]
    assert "mend what the line secret says first" in said["feed account"]
    assert "Log " not in said["feed account"]
    assert "PRIORITY_QUEUE_URL" in said["queue"]
    assert said["queue"].startswith("FAIL ")
    assert said["Redis"].startswith("OK ")


async def test_bad_settings_are_told_one_by_one(world: World) -> None:
    del world.environment["DATABASE_HOST"]
    world.environment["FEED_ACCOUNT_EMAIL"] = "nobody"

    code, _, output = await check(world)

    assert code == 2
    assert [line.split(": ")[0] for line in output.splitlines()] == [
        "FAIL  settings     DATABASE_HOST",
        "FAIL  settings     FEED_ACCOUNT_EMAIL.0",
    ]


async def test_an_instrument_without_a_token_would_not_be_seen(world: World) -> None:
    world.log_in_feed_account()
    strategy = world.add_running_strategy("1")
    world.buy(strategy)
    with world.postgres.owner() as connection:
        connection.execute("delete from instruments")

    code, said, _ = await check(world)

    assert code == 1
    assert said["PostgreSQL"].startswith("FAIL ")
    assert "no instrument token for NSE:INFY" in said["PostgreSQL"]


async def test_an_instrument_without_a_token_that_nobody_holds_is_a_warning(world: World) -> None:
    world.log_in_feed_account()
    world.add_running_strategy("1")
    with world.postgres.owner() as connection:
        connection.execute("delete from instruments")

    code, said, _ = await check(world)

    assert code == 0
    assert said["PostgreSQL"].startswith("WARN ")


async def test_without_quotes_nothing_would_stand_in_for_a_feed(world: World) -> None:
    world.log_in_feed_account()
    world.environment["KITE_API_URL"] = "http://127.0.0.1:1"

    code, said, output = await check(world)

    assert code == 1
    assert said["feed account"].startswith("OK ")
    assert said["quotes"].startswith("FAIL Kite did not answer about quotes")
    assert "See that KITE_API_URL (http://127.0.0.1:1) is the broker's" in said["quotes"]
    assert output.endswith("a watcher with these settings would be blind\n")


async def test_quotes_that_others_use_up_are_no_fault_of_the_watcher(world: World) -> None:
    world.log_in_feed_account()
    world.exchange.run(lambda server: server.simulator.faults.arm("burst_429", count=None, route="quote"))

    code, said, _ = await check(world)

    assert code == 0
    assert said["quotes"].startswith("WARN ")


async def test_a_database_that_is_away_is_no_reason_to_log_in(world: World) -> None:
    world.log_in_feed_account()
    world.environment["DATABASE_PORT"] = str(free_port())

    _, said, _ = await check(world)

    assert "lets this task in" in said["PostgreSQL"]
    assert "mend what the line PostgreSQL says" in said["feed account"]
    assert "Log " not in said["feed account"]
    assert said["quotes"].startswith("WARN not tried")


async def test_a_socket_that_nobody_opens_is_no_reason_to_log_in(world: World) -> None:
    world.log_in_feed_account()
    world.environment["KITE_SOCKET_URL"] = "ws://127.0.0.1:1"

    code, said, _ = await check(world)

    assert code == 1
    assert "See that KITE_SOCKET_URL (ws://127.0.0.1:1) is the broker's" in said["feed account"]
    assert "Log " not in said["feed account"]
    assert said["quotes"].startswith("OK ")


async def test_an_envelope_that_does_not_open_is_no_reason_to_log_in(world: World) -> None:
    world.log_in_feed_account()
    with world.postgres.owner() as connection:
        connection.execute("update broker_connections set access_token = api_key")

    _, said, _ = await check(world)

    assert "KMS_KEY_ID" in said["feed account"]
    assert "Log " not in said["feed account"]


async def test_news_of_orders_that_find_no_queue_leave_it_seeing(world: World) -> None:
    world.log_in_feed_account()
    world.environment["ORDERS_QUEUE_URL"] = world.queue_url.replace(".fifo", "-gone.fifo")

    code, said, _ = await check(world)

    assert code == 0
    assert said["order news"].startswith("WARN ")
    assert "ORDERS_QUEUE_URL" in said["order news"]


async def test_it_can_be_run_from_what_a_running_product_leaves(world: World) -> None:
    world.log_in_feed_account()
    write_environment(world.state.path / "watcher.env", world.environment)

    child = await start_module(
        world.state, "by-hand", "twin.check_watcher", "--state", str(world.state.path), environment={}
    )
    async with asyncio.timeout(PATIENCE):
        code = await child.process.wait()

    assert code == 0, child.log.read_text()
    assert child.log.read_text().endswith("a watcher with these settings would see\n")
