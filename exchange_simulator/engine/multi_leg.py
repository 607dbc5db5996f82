"""Orders that the broker turns into several: sliced, iceberg and cover orders."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from exchange_simulator.engine import orders as states
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.ids import IdSource
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import opposite
from exchange_simulator.engine.oms import Handling, Lineage, OrderManager, with_quantity
from exchange_simulator.engine.order_checks import MAX_SLICES
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.protection import AUTOMATIC
from exchange_simulator.errors import KiteError, input_error


@dataclass(frozen=True, slots=True)
class _Iceberg:
    request: OrderRequest
    instrument: Instrument
    remaining: int
    leg: int


class MultiLegOrders:
    """Places the children of sliced, iceberg and cover orders."""

    def __init__(self, manager: OrderManager, ids: IdSource) -> None:
        self._manager = manager
        self._ids = ids
        self._icebergs: dict[str, _Iceberg] = {}
        self._cover_entries: dict[str, OrderRequest] = {}

    def place(
        self,
        account: TradingAccount,
        request: OrderRequest,
        instrument: Instrument,
        handling: Handling,
        received_ns: int,
    ) -> dict[str, Any]:
        """Place any order and answer as Kite does: {order_id}, or {order_id, children} for a sliced one."""
        if request.autoslice:
            return self._place_slices(account, request, instrument, handling, received_ns)
        if request.variety == "iceberg":
            self._manager.check(request, instrument)
            iceberg = _Iceberg(request, instrument, request.quantity, 1)
            return {"order_id": self._place_leg(account, iceberg, handling, received_ns).order_id}
        order = self._manager.place(account, request, instrument, handling=handling, received_ns=received_ns)
        if request.variety == "co":
            self._cover_entries[order.order_id] = request
        return {"order_id": order.order_id}

    def on_finished(self, order: Order, account: TradingAccount) -> None:
        """Place what follows an order that has just ended."""
        iceberg = self._icebergs.pop(order.order_id, None)
        if iceberg is not None and order.status == states.COMPLETE and iceberg.remaining > 0:
            self._place_leg(account, iceberg, Handling(delay_s=0), order.updated_ns)
        entry = self._cover_entries.pop(order.order_id, None)
        if entry is not None and order.filled > 0:
            self._place_cover_exit(account, order, entry)

    def _place_slices(
        self,
        account: TradingAccount,
        request: OrderRequest,
        instrument: Instrument,
        handling: Handling,
        received_ns: int,
    ) -> dict[str, Any]:
        largest = instrument.freeze // instrument.lot * instrument.lot
        self._manager.check(request, instrument)
        if request.quantity > largest * MAX_SLICES:
            raise input_error(f"Order quantity exceeds the maximum of {MAX_SLICES} slices.")
        parent = self._ids.order_id()
        handling = dataclasses.replace(handling, at_api=True)
        children: list[dict[str, Any]] = []
        for done in range(0, request.quantity, largest):
            slice_ = with_quantity(request, min(largest, request.quantity - done))
            lineage = Lineage(tags=("autoslice", f"autoslice:{parent}"))
            try:
                child = self._manager.place(
                    account, slice_, instrument, handling=handling, received_ns=received_ns, lineage=lineage
                )
                children.append({"order_id": child.order_id})
            except KiteError as refusal:
                children.append({"error": _child_error(refusal)})
        return {"order_id": parent, "children": children}

    def _place_leg(self, account: TradingAccount, iceberg: _Iceberg, handling: Handling, received_ns: int) -> Order:
        total = iceberg.request.quantity
        quantity = min(iceberg.request.iceberg_quantity, iceberg.remaining)
        remaining = iceberg.remaining - quantity
        meta = {
            "leg": iceberg.leg,
            "legs": iceberg.request.iceberg_legs,
            "leg_quantity": quantity,
            "total_quantity": total,
            "remaining_quantity": remaining,
        }
        order = self._manager.place(
            account,
            with_quantity(iceberg.request, quantity),
            iceberg.instrument,
            handling=handling,
            received_ns=received_ns,
            lineage=Lineage(meta={"iceberg": meta}, trusted=True),
        )
        following = dataclasses.replace(iceberg, remaining=remaining, leg=iceberg.leg + 1)
        self._icebergs[order.order_id] = following
        return order

    def _place_cover_exit(self, account: TradingAccount, entry: Order, request: OrderRequest) -> None:
        stop = dataclasses.replace(
            with_quantity(request, entry.filled),
            side=opposite(request.side),
            order_type="SL-M",
            validity="DAY",
            price=0,
            market_protection=AUTOMATIC,
        )
        lineage = Lineage(parent=entry.order_id, trusted=True)
        self._manager.place(account, stop, entry.instrument, handling=Handling(delay_s=0), lineage=lineage)


def _child_error(refusal: KiteError) -> dict[str, Any]:
    return {
        "code": refusal.status,
        "error_type": refusal.error_type,
        "message": refusal.message,
        "data": refusal.data,
    }
