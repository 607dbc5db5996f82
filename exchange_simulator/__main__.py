"""Start a simulated exchange: `python -m exchange_simulator --port 8600`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from exchange_simulator.engine.replay import read_replay
from exchange_simulator.server import ExchangeServer
from exchange_simulator.simulator import Options


def main() -> None:
    """Read the command line and serve until Ctrl-C or SIGTERM."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        replay = read_replay(arguments.replay) if arguments.replay else None
    except (OSError, ValueError) as error:
        sys.exit(f"cannot replay: {error}")
    options = Options(
        seed=arguments.seed,
        replay=replay,
        speed=arguments.speed,
        order_delay_s=arguments.order_delay_ms / 1000,
        rate_limits=not arguments.no_rate_limits,
        symbols=tuple(symbol for symbol in arguments.symbols.split(",") if symbol),
    )
    asyncio.run(_serve(options, arguments))


async def _serve(options: Options, arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with ExchangeServer(options, host=arguments.host, port=arguments.port) as server:
        app = server.create_account(arguments.user_id, arguments.funds, redirect_url=arguments.redirect_url)
        _announce(server.describe(app), as_json=arguments.ready_json)
        await stop.wait()


def _announce(account: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(account)
    else:
        shown = ("url", "ws_url", "login_url", "user_id", "api_key", "api_secret", "access_token", "funds")
        lines = [f"  {name:<13} {account[name]}" for name in shown]
        text = "\n".join(["Simulated exchange is open (Ctrl-C stops it)", *lines])
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m exchange_simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback)")
    parser.add_argument("--port", type=int, default=8600, help="port for HTTP and WebSocket; 0 picks a free one")
    parser.add_argument("--replay", type=Path, help="CSV of minute candles, plain or .gz, to play instead of a walk")
    parser.add_argument("--speed", type=_positive, default=1.0, help="how many times faster than life to replay")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random walk")
    parser.add_argument("--symbols", default="", help="comma-separated symbols that tick even when nobody watches")
    parser.add_argument("--user-id", default="SIM001", help="client id of the ready-made account")
    parser.add_argument("--funds", default="1000000", help="cash of the ready-made account, in rupees")
    parser.add_argument("--redirect-url", help="where the login page of the ready-made app returns to")
    parser.add_argument("--order-delay-ms", type=float, default=1.0, help="time from an order's answer to the exchange")
    parser.add_argument("--no-rate-limits", action="store_true", help="accept any number of requests")
    parser.add_argument("--ready-json", action="store_true", help="print one JSON line with URLs and credentials")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("should be positive")
    return value


if __name__ == "__main__":
    main()
