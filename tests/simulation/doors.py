"""Doors in front of the ports: every call of a worker passes one, where it takes time, may fail, and others may run.

A door is made from the port's own protocol, so that a new port or method is covered by being there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from algotrading import ports
from algotrading.domain.errors import BrokerUnavailable, RedisDown
from algotrading.domain.orders import Unknown
from algotrading.entrypoints.queue import Redelivery
from tests.simulation.faults import (
    BROKER_COMMANDS,
    PORTS,
    POSTGRES,
    CallFault,
    Gate,
    Moment,
    Weather,
    transaction_failed,
)
from tests.simulation.kernel import Crashed, Kernel, Worker

P = TypeVar("P")

_LATENCY = {
    "Ledger": 4_000,
    "Strategies": 3_000,
    "Instruments": 2_000,
    "BrokerAccounts": 2_500,
    "Outbox": 2_500,
    "Runtime": 700,
    "OrderQueue": 9_000,
    "Redelivery": 9_000,
    "Schedules": 30_000,
    "Vault": 6_000,
    "Notifier": 20_000,
    "Broker": 60_000,
    "PreparedOrder": 45_000,
}
"""Mean of one way there or back, microseconds."""
_DEFAULT_LATENCY = 4_000
_INSTANT = {("Brokers", "connect"), ("Broker", "prepare_order"), ("Broker", "hurried"), ("Brokers", "login_url")}
"""Nothing is sent there, or nothing that can fail."""
_OPENS = {
    ("Brokers", "connect"): "Broker",
    ("Broker", "hurried"): "Broker",
    ("Broker", "prepare_order"): "PreparedOrder",
}
"""Calls whose result is a port again."""
_LOST_ANSWER = (0.05, 9.0)
"""Seconds until a sender gives an answer up: at once when the connection breaks, else the executors' limit."""


class Outages(Protocol):
    """Which servers are away now."""

    postgres_down: bool

    @property
    def position_lag(self) -> int:
        """How old the positions are that the broker shows, microseconds."""
        ...

    @property
    def broker_down(self) -> bool:
        """Whether no read is answered."""
        ...

    reads_hang: bool
    """Whether reads wait for an answer until they are given up; orders are taken."""


class Tenancy(Protocol):
    """Hears whose rows a worker touches."""

    def check(self, worker: Worker, port: str, method: str, touched: object) -> None:
        """Called for arguments and answers that belong to a user."""
        ...


@cache
def _members(protocol: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The public methods of a port, and its properties."""
    members = inspect.getmembers(protocol)
    methods = (name for name, member in members if inspect.isfunction(member) and not name.startswith("_"))
    return tuple(methods), tuple(name for name, member in members if isinstance(member, property))


class Doors:
    """Makes the doors of one world."""

    def __init__(self, kernel: Kernel, weather: Weather, outages: Outages, tenancy: Tenancy) -> None:
        self._kernel = kernel
        self._weather = weather
        self._outages = outages
        self._tenancy = tenancy
        self._gates: list[Gate] = []
        self._classes: dict[str, type] = {}

    def open(self, port: type[P], real: object) -> P:
        """`real` behind a door."""
        return cast("P", self._class_of(port.__name__)(real))

    def end_faults(self) -> None:
        """From now on every call goes well."""
        for gate in self._gates:
            gate.total = 0.0

    def _class_of(self, port: str) -> Any:
        if port not in self._classes:
            if port not in PORTS:
                raise LookupError(f"{port} is in no group of faults.py: nothing would ever befall it")
            protocol = Redelivery if port == "Redelivery" else getattr(ports, port)
            gate = Gate(port, self._weather)
            self._gates.append(gate)
            commands = Gate("PreparedOrder", self._weather)
            self._gates.append(commands)
            methods, properties = _members(protocol)
            body: dict[str, Any] = {"__init__": _keep, "__slots__": ("real",)}
            body |= {name: _passed_on(name) for name in properties}
            for name in methods:
                is_command = port == "Broker" and name in BROKER_COMMANDS
                body[name] = self._method(port, name, commands if is_command else gate)
            self._classes[port] = type(f"{port}Door", (), body)
        return self._classes[port]

    def _method(self, port: str, name: str, gate: Gate) -> Callable[..., Any]:
        opened = _OPENS.get((port, name))
        if (port, name) in _INSTANT:
            return self._instant_method(name, opened)
        kernel, random, tenancy, outages = self._kernel, self._kernel.random.random, self._tenancy, self._outages
        mean = _LATENCY.get(port, _DEFAULT_LATENCY)
        is_postgres = port in POSTGRES
        is_broker_read = port == "Broker" and name not in BROKER_COMMANDS
        is_send = (port, name) in {("PreparedOrder", "send"), ("Broker", "cancel_order"), ("Broker", "modify_order")}
        notes_reading = (port, name) == ("Broker", "positions")
        checks_tenant = is_postgres or port == "Vault"

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            worker = kernel.current
            if worker is None:
                return getattr(self.real, name)(*args, **kwargs)
            if worker.dead:
                raise Crashed
            if checks_tenant and worker.tenant is not None and args:
                tenancy.check(worker, port, name, args[0])
            mark = random()
            fault = gate.fault_at(mark) if mark < gate.total else None
            if fault is None:
                if random() < 0.5:
                    kernel.pause(int(mean * (0.3 + 2 * mark * mark)))
            else:
                door.before(port, name, fault)
            if is_postgres and outages.postgres_down:
                kernel.pause(3 * mean)
                raise transaction_failed("the server is away")()
            if is_broker_read and outages.broker_down:
                raise BrokerUnavailable("nobody answers")
            if is_broker_read and outages.reads_hang:
                kernel.pause(int(self.real.within * 1_000_000))
                raise BrokerUnavailable("no answer in time")
            read_at = kernel.micros
            if kernel.trace is not None:
                kernel.say(f"{port}.{name}{_brief(args, kwargs)}")
            try:
                answer = getattr(self.real, name)(*args, **kwargs)
            except RedisDown:
                kernel.pause(500_000)
                raise
            if notes_reading:
                worker.read_at = read_at - outages.position_lag
            if fault is not None:
                door.after(port, name, fault)
            elif is_send and isinstance(answer, Unknown):
                kernel.pause(door.weather.duration(_LOST_ANSWER))
            elif random() < 0.4:
                kernel.pause(int(mean * (0.3 + random())))
            if checks_tenant and worker.tenant is not None:
                tenancy.check(worker, port, name, answer)
            return answer

        door = _Faults(self._kernel, self._weather)
        return call

    def _instant_method(self, name: str, opened: str | None) -> Callable[..., Any]:
        kernel = self._kernel

        def call(door: Any, *args: Any, **kwargs: Any) -> Any:
            if kernel.current is not None and kernel.current.dead:
                raise Crashed
            answer = getattr(door.real, name)(*args, **kwargs)
            return answer if opened is None else self._class_of(opened)(answer)

        return call


class _Faults:
    """Carries one call fault out."""

    def __init__(self, kernel: Kernel, weather: Weather) -> None:
        self._kernel = kernel
        self.weather = weather

    def before(self, port: str, method: str, fault: CallFault) -> None:
        """What happens before the effect; raises or dies when the effect is not to happen."""
        if fault.moment is Moment.BEFORE:
            self._strike(port, method, fault)

    def after(self, port: str, method: str, fault: CallFault) -> None:
        """What happens after the effect, before the caller hears of it."""
        if fault.moment is Moment.AFTER:
            self._strike(port, method, fault)

    def _strike(self, port: str, method: str, fault: CallFault) -> None:
        kernel = self._kernel
        worker = kernel.current
        assert worker is not None
        self.weather.counts[fault.name] += 1
        kernel.say(f"FAULT {fault.name} at {port}.{method}")
        waited = self.weather.duration(fault.seconds)
        if fault.error is None and fault.name.startswith("pause"):
            worker.stands_until = kernel.micros + waited
            worker.pauses.append((kernel.micros, worker.stands_until))
        kernel.pause(waited)
        if fault.error is not None:
            raise fault.error()
        if fault.name.startswith("crash"):
            kernel.crash()


def _passed_on(name: str) -> property:
    """A property: known without asking anybody."""
    return property(lambda door: getattr(door.real, name))


def _keep(door: Any, real: object) -> None:
    door.real = real


def _brief(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    shown = [str(arg)[:8] if isinstance(arg, UUID) else _text(arg) for arg in args]
    shown += [f"{name}={_text(value)}" for name, value in kwargs.items()]
    return f"({', '.join(shown)})"


def _text(value: object) -> str:
    if hasattr(value, "event") and hasattr(value, "due"):
        return f"{getattr(value, 'event', '')} of {str(getattr(value, 'strategy_id', ''))[:8]}"
    if isinstance(value, frozenset | set):
        return "{" + ", ".join(sorted(map(str, value))) + "}"
    text = str(value)
    return text if len(text) <= 60 else f"{type(value).__name__}"
