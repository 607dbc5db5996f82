"""Sends the mails that accounts ask for, the links for a new password and for an address; tells owners of guesses."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_mailer
from algotrading.entrypoints.errands import serve_each
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import MailerSettings

_settings = MailerSettings.load()
set_up_logging("mailer", _settings.log_level)
_run = build_mailer(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Messages of the queue of account mails."""
    return serve_each(event, _run)
