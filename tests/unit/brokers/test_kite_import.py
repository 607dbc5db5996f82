"""The ticker, and Twisted with it, stays out of processes that only speak REST."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run_python(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_adapter_loads_no_client() -> None:
    loaded = run_python(
        """
        import sys
        import algotrading.brokers.kite
        print(sorted({"kiteconnect", "requests", "twisted"} & set(sys.modules)))
        """
    )
    assert loaded == "[]"


def test_opening_a_session_loads_the_client_without_its_ticker() -> None:
    loaded = run_python(
        """
        import sys
        import algotrading.brokers.kite.broker
        print(sorted({"kiteconnect", "kiteconnect.ticker", "twisted", "autobahn"} & set(sys.modules)))
        """
    )
    assert loaded == "['kiteconnect']"


def test_the_ticker_can_still_be_loaded_afterwards() -> None:
    names = run_python(
        """
        import algotrading.brokers.kite.official
        import kiteconnect
        from kiteconnect import KiteTicker
        from kiteconnect.ticker import KiteTicker as same
        print(KiteTicker is same, KiteTicker.__name__, hasattr(kiteconnect, "nothing"))
        """
    )
    assert names == "True KiteTicker False"


def test_a_client_loaded_before_is_left_as_it_is() -> None:
    names = run_python(
        """
        import kiteconnect
        from algotrading.brokers.kite import official
        print(official.KiteConnect is kiteconnect.KiteConnect, kiteconnect.KiteTicker.__name__)
        """
    )
    assert names == "True KiteTicker"
