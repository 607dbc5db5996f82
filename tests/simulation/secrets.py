"""I12 in the logs: whatever is logged on a watched day is searched for the day's secrets."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGERS = ("algotrading", "fargate_listener")


class _Listener(logging.Handler):
    def __init__(self, hear: Callable[[str], None]) -> None:
        super().__init__()
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        extra = {name: value for name, value in vars(record).items() if name not in _ORDINARY}
        fault = record.exc_info[1] if record.exc_info else None
        self._hear(text + (f" {extra}" if extra else "") + (f" <- {fault!r}" if fault is not None else ""))


_ORDINARY = {*vars(logging.LogRecord("", 0, "", 0, "", (), None)), "execution_time_ms"}


@contextmanager
def listening(hear: Callable[[str], None] | None) -> Iterator[None]:
    """Hand every log record of the product to `hear`, complete; without it, let none be made."""
    before = logging.root.manager.disable
    if hear is None:
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
        return
    listener = _Listener(hear)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    states = [(logger.level, logger.propagate) for logger in loggers]
    logging.disable(logging.NOTSET)
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield
    finally:
        logging.disable(before)
        for logger, (level, propagate) in zip(loggers, states, strict=True):
            logger.removeHandler(listener)
            logger.setLevel(level)
            logger.propagate = propagate
