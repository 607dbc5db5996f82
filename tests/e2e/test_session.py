"""One trading session of the whole product: every part real, wired from the templates, nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from twin.processes import REPOSITORY, StateFolder
from twin.script import IN_FAMILY
from twin.secret_scan import find_secrets

PATIENCE_SECONDS = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(PATIENCE_SECONDS + 60)]


@dataclass(frozen=True)
class Played:
    """A session that has been played to its end."""

    exit_code: int
    output: str
    report: dict[str, Any]
    state: StateFolder


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder: Path = tmp_path_factory.mktemp("twin")
    report = folder / "session.json"
    command = [sys.executable, "-m", "twin", "--once", "--state", str(folder / "state"), "--report", str(report)]
    state = StateFolder(folder / "state")
    try:
        finished = subprocess.run(
            command,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        left = state.stop_leftovers()
        said = (late.output or b"").decode(errors="replace")  # bytes even when text was asked for
        pytest.fail(f"no end after {PATIENCE_SECONDS} s; still running: {left}; so far:\n{said}")
    assert report.exists(), finished.stdout
    return Played(finished.returncode, finished.stdout, json.loads(report.read_text()), state)


def test_the_session_goes_as_its_script_says(played: Played) -> None:
    assert played.exit_code == 0, played.output
    ends = Counter((row["cycle"], row["exit_reason"], row["status"]) for row in played.report["strategies"])
    assert ends == {
        ("flat", "SELL", "running"): 1,
        ("flat", "STOPLOSS", "running"): 4,
        ("failed", None, "stopped"): 1,
        ("flat", "USER", "stopped"): 1,
    }


def test_ledger_and_exchange_hold_the_same_orders(played: Played) -> None:
    fields = ("tag", "symbol", "side", "quantity", "filled", "average_price", "status")

    def rows(orders: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(order[name] for name in fields) for order in played.report[orders])

    assert played.report["differences"] == []
    assert rows("ledger_orders") == rows("exchange_orders")


def test_each_account_bought_and_sold_for_its_own_strategies(played: Played) -> None:
    # Two strategies trade in the trader's second account, the others in the first.
    bought: dict[str, set[str]] = {}
    sold: dict[str, set[str]] = {}
    for order in played.report["exchange_orders"]:
        if order["filled"]:
            {"BUY": bought, "SELL": sold}[order["side"]].setdefault(order["account"], set()).add(order["symbol"])

    in_family = {row["symbol"] for row in played.report["strategies"] if row["script"] in IN_FAMILY}
    assert set(bought) == {"TRADER01", "TRADER02"}
    assert bought["TRADER02"] == in_family
    assert sold == bought


def test_no_strategy_bought_twice_or_sold_more_than_it_bought(played: Played) -> None:
    bought: Counter[str] = Counter()
    sold: Counter[str] = Counter()
    for order in played.report["exchange_orders"]:
        {"BUY": bought, "SELL": sold}[order["side"]][order["symbol"]] += order["filled"]

    assert set(bought.values()) <= {0, 10}
    assert +bought == +sold


def test_no_order_left_before_its_instant(played: Played) -> None:
    timed = played.report["trigger_error_ms"]

    released = [(o["released_at"], o["due_at"]) for o in played.report["ledger_orders"] if o["tick_at"] is None]
    assert timed["count"] >= 5
    assert all(left >= due for left, due in released)


def test_every_stop_is_traced_from_its_tick_to_its_order(played: Played) -> None:
    assert played.report["tick_to_order_ms"]["count"] == 3
    assert played.report["tick_to_exchange_ms"]["count"] == 3


def test_plain_output_has_no_control_characters(played: Played) -> None:
    assert "\x1b" not in played.output
    assert "\r" not in played.output


def test_no_log_holds_a_secret(played: Played) -> None:
    # The session looked for the very secrets it had handed out; the shapes are looked for once more at the end.
    logs = sorted(played.state.logs.iterdir())

    assert played.report["secrets_in_logs"] == []
    assert {"auth.log", "broker.log", "exchange.log"} <= {log.name for log in logs}
    assert find_secrets(played.state.logs, {}) == []


def test_nothing_is_left_running(played: Played) -> None:
    assert played.state.survivors() == []
