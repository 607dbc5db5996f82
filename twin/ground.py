"""What the product stands on: templates, PostgreSQL, Valkey, the simulated exchange and the AWS emulator."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field

from psycopg.conninfo import make_conninfo

from twin.aws import AwsAccess, Endpoint, start_emulator
from twin.cloudformation import Assembly, load_assembly
from twin.console import Narrator
from twin.exchange import ExchangeAddress, start_exchange
from twin.lines import Part
from twin.processes import REPOSITORY, StateFolder
from twin.running import Options, Servers
from twin.servers import SUPERUSER, ServerAddress, start_postgres, start_valkey
from twin.synthesis import is_up_to_date, synthesise


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything that is up before the product."""

    assembly: Assembly
    exchange: ExchangeAddress
    access: AwsAccess
    servers: Servers
    password: str = field(repr=False)
    """Of PostgreSQL's superuser."""

    def endpoints(self) -> dict[Part, Endpoint]:
        """Where each part that the product connects to listens."""
        return {
            Part.DATABASE: Endpoint(self.servers.postgres.host, self.servers.postgres.port),
            Part.CACHE: Endpoint(self.servers.valkey.host, self.servers.valkey.port),
            Part.CLOUD: self.access.endpoint,
            Part.EXCHANGE: self.exchange.endpoint,
        }


class GroundWork:
    """Starts it. Whatever is started is put on the stack that stops it."""

    def __init__(self, options: Options, narrator: Narrator, state: StateFolder, stack: AsyncExitStack) -> None:
        self._options = options
        self._narrator = narrator
        self._state = state
        self._stack = stack
        self._password = secrets.token_urlsafe(24)

    async def start(self) -> Ground:
        """Everything at once, and the emulator when the templates say whose account it is."""
        async with asyncio.TaskGroup() as group:
            templates = group.create_task(self._templates())
            postgres = group.create_task(self._postgres())
            valkey = group.create_task(self._valkey())
            exchange = group.create_task(self._exchange())
        servers = Servers(postgres.result(), valkey.result(), self._administrator(postgres.result()))
        access = await self._emulator(templates.result())
        return Ground(templates.result(), exchange.result(), access, servers, self._password)

    async def _templates(self) -> Assembly:
        if self._options.templates is not None:
            return load_assembly(self._options.templates)
        folder = REPOSITORY / "build" / "twin-templates"
        shown = folder.relative_to(REPOSITORY)
        if await asyncio.to_thread(is_up_to_date, folder):
            self._narrator.say(f"templates in {shown} are up to date")
        else:
            with self._narrator.step(f"templates in {shown} are made", beginning="CDK makes the templates"):
                await synthesise(folder)
        return load_assembly(folder)

    async def _postgres(self) -> ServerAddress:
        home, settings = self._state.path / "postgres", self._options.deviations.postgres_settings
        with self._narrator.step("PostgreSQL is up"):
            return await self._server("postgres", start_postgres(home, password=self._password, settings=settings))

    async def _valkey(self) -> ServerAddress:
        with self._narrator.step("Valkey is up"):
            return await self._server("valkey", start_valkey(self._state.path / "valkey"))

    async def _server(self, name: str, server: AbstractContextManager[ServerAddress]) -> ServerAddress:
        entering = asyncio.create_task(asyncio.to_thread(server.__enter__))

        async def leave() -> None:
            # Also when the start was given up while the server was on its way.
            await asyncio.wait({entering})
            if entering.exception() is None:
                await asyncio.to_thread(server.__exit__, None, None, None)

        self._stack.push_async_callback(leave)
        address = await asyncio.shield(entering)
        self._state.note(address.pid, name)
        return address

    def _administrator(self, postgres: ServerAddress) -> str:
        return make_conninfo(
            host=postgres.host, port=postgres.port, dbname="postgres", user=SUPERUSER, password=self._password
        )

    async def _exchange(self) -> ExchangeAddress:
        options = self._options
        with self._narrator.step("the simulated exchange is open"):
            child, address = await start_exchange(self._state, replay=options.replay, speed=options.speed)
        self._stack.push_async_callback(child.stop)
        return address

    async def _emulator(self, assembly: Assembly) -> AwsAccess:
        child, access = await start_emulator(self._state, assembly.account, assembly.region)
        self._stack.push_async_callback(child.stop)
        return access
