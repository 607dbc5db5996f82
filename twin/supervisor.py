"""Starts the whole product in order, keeps the watcher running, and stops everything in reverse order."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from psycopg.conninfo import make_conninfo

from algotrading.settings import DatabaseSettings
from twin.app_server import AppServer
from twin.aws import AwsAccess, DeployedResources, Endpoint
from twin.by_hand import environment_name
from twin.checks import check_wiring
from twin.cloudformation import Assembly
from twin.console import Narrator
from twin.database import create_database
from twin.environment_file import write_environment
from twin.event_sources import QueueConsumer
from twin.exchange import ExchangeControl
from twin.functions import Lambda
from twin.gateway import Gateway
from twin.ground import GroundWork
from twin.guard import guarded
from twin.lambda_runtime import Function
from twin.lines import Part, Side
from twin.mailbox import Mailbox
from twin.processes import REPOSITORY, StateFolder
from twin.routing import RouteTable
from twin.running import InvocationFailed, Options, Twin
from twin.scheduler import EmulatorSchedules, Scheduler, WallClock
from twin.servers import free_port
from twin.telemetry import Telemetry
from twin.template import read_wiring
from twin.watcher import Watcher, Watchers
from twin.wiring import Wiring

ENTRANCE = {"auth": 1, "authorizer": 1, "broker": 1}
TRADING = {"strategy": 1, "executor": 6, "priority_executor": 2}
"""Environments loaded ahead, as the provisioned concurrency of trading hours keeps them; those by which people
come in first."""
_LOADED_AT_ONCE = 2
"""More would leave nothing of a small machine to the people who come in meanwhile."""


@asynccontextmanager
async def run_twin(options: Options, narrator: Narrator) -> AsyncIterator[Twin]:
    """The product, from nothing to serving; everything is stopped when the block ends.

    Raises:
        TwinRunning: another twin uses the state folder.
        TemplateFault: the templates do not describe a product that can run.
        ChildFailed, ServerFailed, InvocationFailed: a part did not start.
    """
    state = StateFolder(options.state)
    async with AsyncExitStack() as stack:
        stack.enter_context(state.locked())
        if leftovers := await asyncio.to_thread(state.stop_leftovers):
            narrator.say(f"stopped what an earlier run had left: {', '.join(sorted(set(leftovers)))}")
        await asyncio.to_thread(_clear, state)
        await stack.enter_async_context(guarded(state))
        narrator.say(f"starting empty: users, strategies and orders live as long as this run; logs are in {state.logs}")
        starter = _Starter(options, narrator, state, stack)
        yield await starter.start()
        narrator.say("stopping")


def _clear(state: StateFolder) -> None:
    """Start from nothing: keys and secrets live and end with the emulator, so older rows could not be read."""
    for folder in (state.logs, state.path / "postgres", state.path / "valkey"):
        shutil.rmtree(folder, ignore_errors=True)
    state.logs.mkdir(parents=True)


class _Starter:
    """The start, step by step. Whatever is started is put on the stack that stops it."""

    def __init__(self, options: Options, narrator: Narrator, state: StateFolder, stack: AsyncExitStack) -> None:
        self._options = options
        self._narrator = narrator
        self._state = state
        self._stack = stack

    async def start(self) -> Twin:
        http = await self._stack.enter_async_context(aiohttp.ClientSession())
        ground = await GroundWork(self._options, self._narrator, self._state, self._stack).start()
        access, control = ground.access, ExchangeControl(http, ground.exchange.url)
        endpoints = ground.endpoints()
        near, far = await self._lines(Side.FUNCTIONS, endpoints), await self._lines(Side.WATCHER, endpoints)
        deployed = await asyncio.to_thread(
            DeployedResources,
            ground.assembly,
            access,
            database=endpoints[Part.DATABASE],
            cache=endpoints[Part.CACHE],
        )
        mailbox = await self._mailbox()
        app, app_url = await self._app()
        port = self._options.port or free_port()
        shared = {
            **_PLAIN,
            "API_URL": f"http://127.0.0.1:{port}",
            "SESSION_TABLE": await control.session_table(),
            **self._options.deviations.settings,
        }
        shared |= {"APP_URL": app_url or mailbox.url, **mailbox.settings()}
        wiring = (await self._wire(ground.assembly, deployed)).with_overrides(
            functions=shared | ground.exchange.settings(near[Part.EXCHANGE]) | _ports(near),
            watcher=shared | _HASTE | ground.exchange.settings(far[Part.EXCHANGE]) | _ports(far),
        )
        await asyncio.to_thread(
            deployed.put_secret, wiring.function("notifier").environment["TELEGRAM_SECRET_ARN"], _BOT
        )
        database = await self._database(wiring, deployed, endpoints[Part.DATABASE], ground.password)
        telemetry = Telemetry(self._state.logs, self._tell_fault)
        self._tell_operators(wiring, access)
        surroundings = access.through(near[Part.CLOUD]).environment() | mailbox.environment()
        functions = await self._functions(wiring, surroundings, telemetry)
        entrance = self._background(self._warm(functions, ENTRANCE))
        settled = self._background(self._settle(functions, entrance))
        watchers = await self._watchers(wiring, access.through(far[Part.CLOUD]))
        await self._consumers(wiring, functions, access, http)
        scheduler = await self._scheduler(wiring, functions, access)
        wiring = wiring if app_url is None else open_to(wiring, app_url)
        api_url = await self._gateway(wiring, functions, access, port)
        app.tell({"name": "twin", "apiUrl": api_url})
        return Twin(
            api_url=api_url,
            app=app,
            app_url=app_url,
            mailbox=mailbox,
            exchange_address=ground.exchange,
            exchange=control,
            http=http,
            functions=functions,
            scheduler=scheduler,
            telemetry=telemetry,
            watchers=watchers,
            wiring=wiring,
            database=database,
            servers=ground.servers,
            state=self._state,
            entrance=entrance,
            settled=settled,
        )

    async def _lines(self, side: Side, endpoints: Mapping[Part, Endpoint]) -> dict[Part, Endpoint]:
        """Where one side reaches each part."""
        lines = self._options.deviations.lines
        return {part: await lines.lay(side, part, endpoint) for part, endpoint in endpoints.items()}

    # --- the product -------------------------------------------------------------------------------

    async def _wire(self, assembly: Assembly, deployed: DeployedResources) -> Wiring:
        with self._narrator.step("queues, keys, secrets, topics and schedule groups are made as the templates say"):
            await asyncio.to_thread(deployed.create_all)
            return await asyncio.to_thread(
                read_wiring, assembly, deployed.resolver, cloud_build=REPOSITORY / "build" / "layers"
            )

    async def _database(
        self, wiring: Wiring, deployed: DeployedResources, endpoint: Endpoint, superuser_password: str
    ) -> str:
        environment = wiring.function("migrate").environment
        name = environment["DATABASE_NAME"]
        owner = await asyncio.to_thread(deployed.secret, environment["DATABASE_SECRET_ARN"])
        await asyncio.to_thread(create_database, endpoint, superuser_password, name=name, owner=owner)
        system = await asyncio.to_thread(deployed.secret, environment["SYSTEM_SECRET_ARN"])
        return make_conninfo(
            host=endpoint.host,
            port=endpoint.port,
            dbname=name,
            user=system["username"],
            password=system["password"],
        )

    def _tell_operators(self, wiring: Wiring, access: AwsAccess) -> None:
        """Leave what `make audit-verify`, `make operator` and `make tell` need to reach this run. No secret in it."""
        environment = wiring.function("converge").environment
        names = DatabaseSettings.environment_names()
        self._leave("system.env", {name: environment[name] for name in names if name in environment}, access)
        for function in ("operator", "summary"):
            self._leave(environment_name(function), wiring.function(function).environment, access)

    def _leave(self, name: str, environment: Mapping[str, str], access: AwsAccess) -> None:
        path = self._state.path / name
        write_environment(path, dict(environment) | access.environment())
        self._stack.callback(path.unlink, missing_ok=True)

    async def _functions(self, wiring: Wiring, surroundings: Mapping[str, str], telemetry: Telemetry) -> Lambda:
        check_wiring(wiring)
        functions = Lambda(
            {
                name: Function(
                    spec,
                    surroundings,
                    self._state,
                    telemetry,
                    concurrency=self._options.deviations.concurrency.get(name),
                )
                for name, spec in wiring.functions.items()
            }
        )
        self._stack.push_async_callback(functions.stop)
        self._background(functions.keep_house())
        with self._narrator.step("the database has its schema", beginning="the migration runs"):
            await _invoke(functions["migrate"], _MIGRATION_EVENT)
        return functions

    async def _settle(self, functions: Lambda, entrance: asyncio.Task[None]) -> None:
        """One after the other: started at once, all of it would wait for the same few cores."""
        await asyncio.gather(asyncio.shield(entrance), self._load_instruments(functions))
        await self._warm(functions, TRADING | dict(self._options.deviations.warm))

    async def _load_instruments(self, functions: Lambda) -> None:
        with self._narrator.step(
            "the broker's instruments are loaded", beginning="the broker's instruments are being loaded"
        ):
            await _invoke(functions["instruments"], {})

    async def _warm(self, functions: Lambda, counts: Mapping[str, int]) -> None:
        names = ", ".join(f"{count} {name}" for name, count in counts.items())
        with self._narrator.step(f"warm: {names}", beginning=f"functions are being loaded: {names}"):
            cores = asyncio.Semaphore(_LOADED_AT_ONCE)
            await asyncio.gather(*(functions[name].warm(count, cores) for name, count in counts.items()))

    def _tell_fault(self, function: str, kind: str, log: Path) -> None:
        self._narrator.say(f"the function {function} failed: {kind}; see {log}", style="yellow")

    async def _watchers(self, wiring: Wiring, access: AwsAccess) -> Watchers:
        environment = {**wiring.watcher_environment, **access.environment()}
        restart_seconds = self._options.deviations.watcher_restart_seconds
        watchers = Watchers(
            [
                Watcher(
                    self._state,
                    {**environment, "POWERTOOLS_SERVICE_NAME": f"listener-{'abc'[number]}"},
                    self._narrator,
                    restart_seconds=restart_seconds,
                    name=f"watcher-{number + 1}" if number else "watcher",
                )
                for number in range(self._options.watchers)
            ]
        )
        self._stack.push_async_callback(watchers.stop)
        await watchers.start()
        return watchers

    async def _consumers(
        self, wiring: Wiring, functions: Lambda, access: AwsAccess, http: aiohttp.ClientSession
    ) -> None:
        sqs = self._options.deviations.make_poller(http, access)
        for spec in wiring.event_sources:
            consumer = QueueConsumer(spec, functions[spec.function], sqs, access.region)
            self._stack.push_async_callback(consumer.stop)
            self._background(consumer.run())

    async def _scheduler(self, wiring: Wiring, functions: Lambda, access: AwsAccess) -> Scheduler:
        store = await asyncio.to_thread(EmulatorSchedules, access, wiring.schedule_groups)
        scheduler = Scheduler(
            store, wiring.schedules, functions.by_arn, WallClock(), region=access.region, account=access.account
        )
        self._stack.push_async_callback(scheduler.stop)
        self._background(scheduler.run())
        return scheduler

    async def _gateway(self, wiring: Wiring, functions: Lambda, access: AwsAccess, port: int) -> str:
        gateway = Gateway(RouteTable(wiring.routes), wiring.cors, functions, access.account)
        bound = await gateway.start(port)
        self._stack.push_async_callback(gateway.stop)
        url = f"http://127.0.0.1:{bound}"
        self._narrator.say(f"the API answers on {url}")
        return url

    async def _mailbox(self) -> Mailbox:
        mailbox = Mailbox()
        await mailbox.start()
        self._stack.push_async_callback(mailbox.stop)
        return mailbox

    async def _app(self) -> tuple[AppServer, str | None]:
        app = AppServer(self._options.app or self._state.path / "no-app")
        if not app.is_built:
            return app, None
        url = await app.start(self._options.app_port)
        self._stack.push_async_callback(app.stop)
        return app, url

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)
        return task


def open_to(wiring: Wiring, origin: str) -> Wiring:
    """The wiring with one more origin whose pages may call: the app's port is known only now."""
    return replace(wiring, cors=replace(wiring.cors, origins=(*wiring.cors.origins, origin)))


def _ports(lines: Mapping[Part, Endpoint]) -> dict[str, str]:
    return {"DATABASE_PORT": str(lines[Part.DATABASE].port), "REDIS_PORT": str(lines[Part.CACHE].port)}


_PLAIN = {"DATABASE_TLS": "false", "REDIS_TLS": "false"}
"""The embedded servers speak no TLS; the settings allow that in dev only."""
_HASTE = {"LEAVE_SECONDS": "1"}
"""A watcher that is told to leave with hits that the queue does not take goes on for longer in the cloud than whoever
ended a twin would wait."""
_BOT = {"token": "twin"}
"""Of the mailbox, which takes any."""
_MIGRATION_EVENT = {
    "RequestType": "Create",
    "RequestId": "twin",
    "StackId": "twin",
    "LogicalResourceId": "Migration",
    "ResourceType": "Custom::DatabaseMigration",
    "ResourceProperties": {},
}


async def _invoke(function: Function, event: Mapping[str, object]) -> None:
    result = await function.invoke(json.dumps(event).encode())
    if result.is_error:
        raise InvocationFailed(f"{function.spec.name} failed: {result.error_message}")
