"""ports.AccountRecords in memory: a few sections, enough for what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from algotrading.domain.account_notices import ERASED
from algotrading.domain.audit import AuditKind, account_entry, disconnected_entry
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.logins import LoginEnd
from tests.fakes import audit
from tests.fakes.accounts import MemoryLogins, forget_second_factor, is_trading
from tests.fakes.database import MemoryDatabase


class MemoryAccountRecords:
    """ports.AccountRecords in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def sections(self) -> Sequence[str]:
        """See ports.AccountRecords."""
        return "account", "strategies", "notices"

    def read(self, user_id: UUID, section: str, *, offset: int, limit: int) -> Sequence[str]:
        """See ports.AccountRecords."""
        user, _ = self._database.users[user_id]
        strategies = [each for each in self._database.strategies.values() if each.user_id == user_id]
        rows = {
            "account": [{"email": user.email, "created_at": user.created_at.isoformat()}],
            "strategies": [{"strategy_id": str(each.strategy_id)} for each in strategies],
            "notices": [{"text": each.text} for each in self._database.notices if each.user_id == user_id],
        }[section]
        return [json.dumps(row) for row in rows[offset : offset + limit]]

    def refuse_trading(self, user_id: UUID, now: datetime) -> None:
        """See ports.AccountRecords."""
        if is_trading(self._database, user_id, None, now):
            raise Conflict("strategies run or are not settled: stop them, and wait until nothing is held")

    def close(self, user_id: UUID, now: datetime) -> None:
        """See ports.AccountRecords."""
        with self._database.turn:
            if user_id not in self._database.users or user_id in self._database.closed:
                raise NotFound("no such user")
            self.refuse_trading(user_id, now)
            audit.append(self._database, account_entry(user_id, AuditKind.ACCOUNT_DELETED, now))
            for account_id, broker in list(self._database.broker_accounts.items()):
                if broker.user_id == user_id:
                    del self._database.broker_accounts[account_id]
                    entry = disconnected_entry(user_id, account_id, broker.broker, broker.broker_user_id, now)
                    audit.append(self._database, entry)
            MemoryLogins(self._database).end_for(user_id, LoginEnd.ACCOUNT_DELETED, now)
            forget_second_factor(self._database, user_id, now, by=str(user_id))
            email = self._database.users[user_id][0].email.lower()
            for asked, _ in list(self._database.registrations.values()):
                if asked.user_id == user_id or asked.email.lower() == email:
                    del self._database.registrations[asked.user_id]
            for key_hash, key in list(self._database.api_keys.items()):
                if key.user_id == user_id:
                    del self._database.api_keys[key_hash]
            for name in list(self._database.kept_answers):
                if name[0] == user_id:
                    del self._database.kept_answers[name]
            for grant, _ in list(self._database.viewers.values()):
                if user_id in {grant.user_id, grant.viewer_id}:
                    del self._database.viewers[grant.grant_id]
            notices = self._database.notices
            notices[:] = [replace(each, text=ERASED) if each.user_id == user_id else each for each in notices]
            codes = self._database.sms_codes
            codes[:] = [(None if user == user_id else user, mark, at) for user, mark, at in codes]
            names = self._database.named_accounts
            names.update({key: replace(each, name="") for key, each in names.items() if each.user_id == user_id})
            logins = self._database.logins
            logins.update({key: replace(each, name="") for key, each in logins.items() if each.user_id == user_id})
            user, _ = self._database.users[user_id]
            forgotten = replace(user, email=f"{user_id}@deleted.invalid", email_verified_at=None)
            self._database.users[user_id] = (forgotten, "")
            self._database.closed.add(user_id)
