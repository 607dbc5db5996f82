"""Every function of every repository, called in a stranger's name with a trader's identifiers, and by nobody."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.account_records import SECTIONS, PostgresAccountRecords
from algotrading.adapters.postgres.administration import PostgresAdministration
from algotrading.adapters.postgres.api_keys import PostgresApiKeys
from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.deliveries import PostgresDeliveries
from algotrading.adapters.postgres.email_links import PostgresEmailLinks
from algotrading.adapters.postgres.instruments import PostgresInstruments
from algotrading.adapters.postgres.kept_answers import PostgresKeptAnswers
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.logins import PostgresLogins
from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
from algotrading.adapters.postgres.notifications import PostgresNotifications
from algotrading.adapters.postgres.outbox import PostgresOutbox
from algotrading.adapters.postgres.over import PostgresOver
from algotrading.adapters.postgres.push_devices import PostgresPushDevices
from algotrading.adapters.postgres.registrations import PostgresRegistrations
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
from algotrading.adapters.postgres.sms_codes import PostgresSmsCodes
from algotrading.adapters.postgres.snapshots import PostgresSnapshots
from algotrading.adapters.postgres.standings import PostgresStandings
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.summaries import PostgresSummaries
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.adapters.postgres.viewer_grants import PostgresViewerGrants
from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.audit import AuditEntry, AuditKind
from algotrading.domain.cycle import CycleState
from algotrading.domain.effects import Decision, StopStrategy, Tell
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.events import EntryMissed
from algotrading.domain.flatness import FlatProof
from algotrading.domain.keyed_requests import KeptAnswer
from algotrading.domain.limits import Breach, BreachKind, RiskLimits
from algotrading.domain.logins import Bearer
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, ChannelSetup, Delivery, InboxNotice
from algotrading.domain.orders import AccountBook
from algotrading.domain.push import PushDevice
from algotrading.domain.registrations import Registration
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sms import CodeLimits
from algotrading.ports import BookSnapshot, OrderLog
from tests.contract.ports.conftest import postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent
from tests.integration.tenancy.trader import Trader, make_trader, rows_of, sealed_account, with_first_notice
from tests.stores import PostgresStore

REPOSITORIES: tuple[Callable[[Database], Any], ...] = (
    PostgresUsers,
    PostgresRegistrations,
    PostgresLogins,
    PostgresSecondFactors,
    PostgresEmailLinks,
    PostgresKeptAnswers,
    PostgresBrokerAccounts,
    PostgresNamedAccounts,
    PostgresStrategies,
    PostgresLedger,
    PostgresRisks,
    PostgresOutbox,
    PostgresOver,
    PostgresSnapshots,
    PostgresAuditTrail,
    PostgresNotifications,
    PostgresDeliveries,
    PostgresPushDevices,
    PostgresSmsCodes,
    PostgresSummaries,
    PostgresAccountRecords,
    PostgresStandings,
    PostgresViewerGrants,
    PostgresAdministration,
    PostgresApiKeys,
)
"""All but the instruments, which belong to nobody."""
DAY = timedelta(days=1)
RESET = LinkPurpose.RESET_PASSWORD


@dataclass(frozen=True, slots=True)
class Intruder:
    """Who calls: `user_id` is the name he comes in, `victim` whose things he asks for."""

    user_id: UUID
    victim: Trader

    @property
    def strategy_id(self) -> UUID:
        return self.victim.strategy.strategy_id

    @property
    def strategy(self) -> Any:
        """The victim's strategy, said to be the intruder's."""
        return replace(self.victim.strategy, user_id=self.user_id, version=2)

    @property
    def cycle(self) -> Any:
        """The victim's cycle, said to be the intruder's."""
        return replace(self.victim.cycle, user_id=self.user_id)

    @property
    def log(self) -> OrderLog:
        return OrderLog(uuid4(), self.strategy_id, "SELL", MOMENT, {}, "forged", None, "accepted", 1.0)


def _save_cycle(ledger: PostgresLedger, me: Intruder) -> None:
    sold = replace(me.cycle, state=CycleState.FLAT, intents=(make_intent(me.cycle),))
    effects = (Tell(NoticeKind.BOUGHT, "forged"), StopStrategy("forged"))
    ledger.save(Decision(sold, effects), event=EntryMissed(MOMENT, "forged"), now=MOMENT, logs=[me.log])


def _read_all(records: PostgresAccountRecords, me: Intruder) -> Any:
    """What an export brings of the victim: the intruder's own account is no leak."""
    rows = [row for section in SECTIONS for row in records.read(me.user_id, section, offset=0, limit=100)]
    if me.user_id == me.victim.user_id:
        return rows
    return [row for row in rows if any(word in row for word in me.victim.words)]


def _standing_with_the_victims_key(standings: PostgresStandings, me: Intruder) -> Any:
    """His own standing is no leak; that the victim's key would be taken for his is."""
    found = standings.read(Bearer(me.user_id, key_hash=me.victim.link_hash("key")), MOMENT)
    return None if found is None else found.key


BREACH = Breach(BreachKind.DAILY_LOSS, Decimal(1), Decimal(1), "forged")
CALLS: dict[str, Callable[[Any, Intruder], Any]] = {
    "PostgresUsers.add": lambda r, me: r.add(User(me.user_id, me.victim.email, MOMENT), "hash"),
    "PostgresUsers.get": lambda r, me: r.get(me.user_id).user_id == me.victim.user_id or None,
    "PostgresRegistrations.add": lambda r, me: r.add(Registration(me.user_id, me.victim.email, "forged", MOMENT)),
    "PostgresRegistrations.email_of": lambda r, me: r.email_of(me.user_id, MOMENT),
    "PostgresRegistrations.add_link": lambda r, me: r.add_link(me.user_id, bytes(32)),
    "PostgresRegistrations.by_link": lambda r, me: r.by_link(me.user_id, me.victim.link_hash("registration"), MOMENT),
    "PostgresRegistrations.forget": lambda r, me: r.forget(me.user_id),
    "PostgresRegistrations.forget_old": lambda r, me: r.forget_old(MOMENT),
    "PostgresLogins.begin": lambda r, me: r.begin(replace(me.victim.login, user_id=me.user_id), bytes(32), "hash"),
    "PostgresLogins.is_known": lambda r, me: r.is_known("nobody@example.com", me.victim.login.device_id),
    "PostgresLogins.show_code": lambda r, me: r.show_code(me.user_id, me.victim.login.device_id, MOMENT),
    "PostgresLogins.refresh": lambda r, me: r.refresh(me.user_id, me.victim.refresh_hash, bytes(32), MOMENT),
    "PostgresLogins.end_by_token": lambda r, me: r.end_by_token(me.user_id, me.victim.refresh_hash, MOMENT),
    "PostgresLogins.alive": lambda r, me: r.alive(me.user_id, MOMENT),
    "PostgresLogins.end": lambda r, me: r.end(me.user_id, me.victim.login.device_id, MOMENT),
    "PostgresLogins.end_all": lambda r, me: r.end_all(me.user_id, MOMENT),
    "PostgresLogins.change_password": lambda r, me: r.change_password(
        me.user_id, me.victim.login.device_id, "hash", "forged", MOMENT
    ),
    "PostgresKeptAnswers.begin": lambda r, me: r.begin(replace(me.victim.keyed, user_id=me.user_id)),
    "PostgresKeptAnswers.finish": lambda r, me: r.finish(
        replace(me.victim.keyed, user_id=me.user_id), KeptAnswer(500, {}, "forged")
    ),
    "PostgresKeptAnswers.forget": lambda r, me: r.forget(replace(me.victim.keyed, user_id=me.user_id)),
    "PostgresSecondFactors.find": lambda r, me: r.find(me.user_id),
    "PostgresSecondFactors.begin": lambda r, me: r.begin(SecondFactor(me.user_id, "forged", MOMENT)),
    "PostgresSecondFactors.confirm": lambda r, me: r.confirm(
        SecondFactor(me.user_id, me.victim.mark, MOMENT), 1, [bytes(32)], MOMENT
    ),
    "PostgresSecondFactors.use_step": lambda r, me: r.use_step(me.user_id, 1 << 40),
    "PostgresSecondFactors.note_reuse": lambda r, me: r.note_reuse(me.user_id, MOMENT),
    "PostgresSecondFactors.recovery_left": lambda r, me: r.recovery_left(me.user_id),
    "PostgresSecondFactors.use_recovery": lambda r, me: r.use_recovery(me.user_id, me.victim.refresh_hash, MOMENT),
    "PostgresSecondFactors.remove": lambda r, me: r.remove(me.user_id, MOMENT),
    "PostgresEmailLinks.add": lambda r, me: r.add(
        me.user_id, RESET, me.victim.link_hash(RESET), now=MOMENT, expires_at=MOMENT + DAY
    ),
    "PostgresEmailLinks.is_good": lambda r, me: r.is_good(me.user_id, RESET, me.victim.link_hash(RESET), MOMENT),
    "PostgresEmailLinks.reset_password": lambda r, me: r.reset_password(
        me.user_id, me.victim.link_hash(RESET), "forged", MOMENT
    ),
    "PostgresEmailLinks.verify_email": lambda r, me: r.verify_email(
        me.user_id, me.victim.link_hash(LinkPurpose.VERIFY_EMAIL), MOMENT
    ),
    "PostgresBrokerAccounts.save": lambda r, me: r.save(
        replace(sealed_account(me.user_id, "forged"), account_id=_account_of_victim(me))
    ),
    "PostgresBrokerAccounts.find": lambda r, me: r.find(me.user_id, _account_of_victim(me)),
    "PostgresBrokerAccounts.mark_refused": lambda r, me: r.mark_refused(
        me.user_id, _account_of_victim(me), token_at=MOMENT, now=MOMENT
    ),
    "PostgresBrokerAccounts.mark_taken": lambda r, me: r.mark_taken(
        me.user_id, _account_of_victim(me), token_at=MOMENT, now=MOMENT
    ),
    "PostgresBrokerAccounts.is_trading": lambda r, me: r.is_trading(me.user_id, _account_of_victim(me), MOMENT),
    "PostgresBrokerAccounts.last_connected": lambda r, me: r.last_connected(me.user_id, _account_of_victim(me)),
    "PostgresBrokerAccounts.remove": lambda r, me: r.remove(me.user_id, _account_of_victim(me), now=MOMENT),
    "PostgresBrokerAccounts.claim_egress": lambda r, me: r.claim_egress(me.user_id),
    "PostgresBrokerAccounts.postback_id": lambda r, me: r.postback_id(me.user_id, _account_of_victim(me)),
    "PostgresNamedAccounts.of_user": lambda r, me: [a for a in r.of_user(me.user_id) if a.user_id == me.victim.user_id],
    "PostgresNamedAccounts.get": lambda r, me: r.get(me.user_id, _account_of_victim(me)),
    "PostgresNamedAccounts.add": lambda r, me: r.add(
        NamedAccount(_account_of_victim(me), me.user_id, "forged", is_default=False, created_at=MOMENT)
    ),
    "PostgresNamedAccounts.change": lambda r, me: r.change(
        me.user_id, _account_of_victim(me), name="forged", make_default=True, now=MOMENT
    ),
    "PostgresNamedAccounts.remove": lambda r, me: r.remove(me.user_id, _account_of_victim(me), MOMENT),
    "PostgresStrategies.add": lambda r, me: r.add(me.strategy),
    "PostgresStrategies.get": lambda r, me: r.get(me.user_id, me.strategy_id),
    "PostgresStrategies.list_for": lambda r, me: list(r.list_for(me.user_id)),
    "PostgresStrategies.save": lambda r, me: r.save(me.strategy, expected_version=1),
    "PostgresStrategies.delete": lambda r, me: r.delete(me.user_id, me.strategy_id, expected_version=1, now=MOMENT),
    "PostgresStrategies.is_owned": lambda r, me: r.is_owned(me.user_id, me.strategy_id) or None,
    "PostgresLedger.take": lambda r, me: r.take(me.strategy, TRADING_DAY) and None,
    "PostgresLedger.save": _save_cycle,
    "PostgresLedger.add_logs": lambda r, me: r.add_logs(me.user_id, [me.log]),
    "PostgresLedger.note": lambda r, me: r.note(
        AuditEntry(me.user_id, AuditKind.KILL_SWITCH_ON, MOMENT, {}, me.strategy_id)
    ),
    "PostgresLedger.check": lambda r, me: r.check(me.cycle),
    "PostgresLedger.gate": lambda r, me: _anything(r.gate(me.cycle)),
    "PostgresLedger.find": lambda r, me: r.find(me.user_id, me.strategy_id, TRADING_DAY),
    "PostgresLedger.of_day": lambda r, me: list(r.of_day(me.user_id, TRADING_DAY)),
    "PostgresLedger.latest": lambda r, me: r.latest(me.user_id, me.strategy_id),
    "PostgresLedger.fills": lambda r, me: [
        *r.fills(me.user_id, me.strategy_id),
        *r.fills(me.user_id, me.strategy_id, trading_day=TRADING_DAY),
    ],
    "PostgresLedger.of_deleted": lambda r, me: list(r.of_deleted(me.user_id, TRADING_DAY)),
    "PostgresLedger.orders": lambda r, me: list(r.orders(me.user_id, me.strategy_id)),
    "PostgresLedger.logs": lambda r, me: list(r.logs(me.user_id, me.strategy_id)),
    "PostgresLedger.unsettled": lambda r, me: list(r.unsettled(me.user_id, me.strategy_id)),
    "PostgresLedger.traded_on": lambda r, me: list(r.traded_on(me.user_id, TRADING_DAY)),
    "PostgresLedger.unsettled_of": lambda r, me: list(r.unsettled_of(me.user_id)),
    "PostgresRisks.standing": lambda r, me: r.standing(me.user_id, TRADING_DAY, MOMENT).limits.daily_loss,
    "PostgresRisks.set_limits": lambda r, me: r.set_limits(me.user_id, RiskLimits(), MOMENT),
    "PostgresRisks.lock": lambda r, me: r.lock(me.user_id, by="owner", reason="forged", now=MOMENT) and None,
    "PostgresRisks.release": lambda r, me: r.release(me.user_id, MOMENT).user,
    "PostgresRisks.locks": lambda r, me: r.locks(me.user_id).user,
    "PostgresRisks.events": lambda r, me: list(r.events(me.user_id, 100)),
    "PostgresRisks.record_flat": lambda r, me: r.record_flat(me.user_id, FlatProof(MOMENT, 1)),
    "PostgresRisks.record_nothing_placed": lambda r, me: r.record_nothing_placed(me.user_id, MOMENT),
    "PostgresRisks.record_breach": lambda r, me: (
        r.record_breach(me.user_id, BREACH, period=TRADING_DAY, now=MOMENT) and None
    ),
    "PostgresOutbox.claim": lambda r, me: r.claim(me.user_id, MOMENT, lease=DAY),
    "PostgresOutbox.mark_delivered": lambda r, me: r.mark_delivered(_notice(me), MOMENT),
    "PostgresOutbox.mark_failed": lambda r, me: r.mark_failed(_notice(me), "forged", MOMENT),
    "PostgresSnapshots.add": lambda r, me: r.add(
        BookSnapshot(me.user_id, _account_of_victim(me), TRADING_DAY - DAY, AccountBook(MOMENT, (), (), ()))
    ),
    "PostgresSnapshots.find": lambda r, me: r.find(me.user_id, _account_of_victim(me), TRADING_DAY),
    "PostgresAuditTrail.of_strategy": lambda r, me: list(
        r.of_strategy(me.user_id, me.strategy_id, TRADING_DAY, begins=MOMENT - DAY, ends=MOMENT + DAY)
    ),
    "PostgresAuditTrail.latest_day": lambda r, me: r.latest_day(me.user_id, me.strategy_id),
    "PostgresNotifications.notice": lambda r, me: r.notice(me.user_id, me.victim.notice.notice_id),
    "PostgresNotifications.inbox": lambda r, me: list(r.inbox(me.user_id, limit=100, before=None)),
    "PostgresNotifications.unread": lambda r, me: r.unread(me.user_id),
    "PostgresNotifications.mark_read": lambda r, me: r.mark_read(me.user_id, [me.victim.notice.notice_id], MOMENT),
    "PostgresNotifications.wishes": lambda r, me: dict(r.wishes(me.user_id)),
    "PostgresNotifications.set_wishes": lambda r, me: r.set_wishes(
        me.user_id, {(NoticeKind.SOLD, Channel.EMAIL): False}
    ),
    "PostgresNotifications.setups": lambda r, me: list(r.setups(me.user_id)),
    "PostgresNotifications.save_setup": lambda r, me: r.save_setup(
        ChannelSetup(me.user_id, Channel.TELEGRAM, "forged", MOMENT)
    ),
    "PostgresNotifications.spend_chat_code": lambda r, me: r.spend_chat_code(me.user_id, MOMENT) and None,
    "PostgresNotifications.set_code": lambda r, me: r.set_code(
        me.user_id, Channel.TELEGRAM, me.victim.mark, bytes(32), MOMENT
    ),
    "PostgresNotifications.confirm": lambda r, me: r.confirm(
        me.user_id, Channel.TELEGRAM, me.victim.refresh_hash, since=MOMENT - DAY, now=MOMENT
    ),
    "PostgresNotifications.remove_setup": lambda r, me: r.remove_setup(me.user_id, Channel.WEBHOOK, MOMENT),
    "PostgresSmsCodes.spend": lambda r, me: (
        r.spend(me.user_id, me.victim.refresh_hash[0], CodeLimits(of_deployment=99, of_number=1), MOMENT) or None
    ),
    "PostgresSmsCodes.last_spent": lambda r, me: r.last_spent(me.user_id),
    "PostgresPushDevices.register": lambda r, me: r.register(
        PushDevice(me.user_id, me.victim.login.device_id, bytes(32), "forged", MOMENT)
    ),
    "PostgresPushDevices.of_user": lambda r, me: list(r.of_user(me.user_id, MOMENT)),
    "PostgresPushDevices.remove": lambda r, me: r.remove(me.user_id, me.victim.login.device_id, MOMENT),
    "PostgresPushDevices.forget": lambda r, me: r.forget(me.user_id, me.victim.refresh_hash, MOMENT),
    "PostgresDeliveries.add": lambda r, me: r.add(me.user_id, me.victim.notice.notice_id, list(Channel), MOMENT),
    "PostgresDeliveries.claim": lambda r, me: r.claim(me.user_id, Channel.EMAIL, MOMENT, lease=DAY),
    "PostgresDeliveries.mark_delivered": lambda r, me: r.mark_delivered(_delivery(me), MOMENT),
    "PostgresDeliveries.mark_failed": lambda r, me: r.mark_failed(_delivery(me), "forged", now=MOMENT, retry_at=None),
    "PostgresDeliveries.delivered_since": lambda r, me: (
        r.delivered_since(me.user_id, Channel.EMAIL, MOMENT - DAY) or None
    ),
    "PostgresDeliveries.log": lambda r, me: list(r.log(me.user_id, limit=100, before=None)),
    "PostgresStandings.read": _standing_with_the_victims_key,
    "PostgresApiKeys.add": lambda r, me: r.add(
        replace(me.victim.api_key, user_id=me.user_id), me.victim.link_hash("key")
    ),
    "PostgresApiKeys.of_user": lambda r, me: list(r.of_user(me.user_id)),
    "PostgresApiKeys.revoke": lambda r, me: r.revoke(me.user_id, me.victim.api_key.key_id, MOMENT),
    "PostgresStandings.enter": lambda r, me: r.enter(me.victim.user_id, me.user_id, "GET /api/v1/strategy", MOMENT),
    "PostgresViewerGrants.invite": lambda r, me: r.invite(
        replace(me.victim.grant, user_id=me.user_id), me.victim.link_hash("viewer")
    ),
    "PostgresViewerGrants.of_account": lambda r, me: list(r.of_account(me.user_id, MOMENT)),
    "PostgresViewerGrants.revoke": lambda r, me: r.revoke(me.user_id, me.victim.grant.grant_id, MOMENT),
    "PostgresViewerGrants.accept": lambda r, me: r.accept(
        me.victim.user_id, bytes(32), User(me.user_id, "forged", MOMENT), MOMENT
    ),
    "PostgresViewerGrants.shared_with": lambda r, me: list(r.shared_with(me.user_id)),
    "PostgresViewerGrants.leave": lambda r, me: r.leave(me.victim.user_id, me.user_id, MOMENT),
    "PostgresSummaries.tell": lambda r, me: (
        r.tell(me.user_id, TRADING_DAY, NoticeKind.NOT_READY, "forged", MOMENT, strategy_id=me.strategy_id) and None
    ),
    "PostgresAccountRecords.read": _read_all,
    "PostgresAccountRecords.refuse_trading": lambda r, me: r.refuse_trading(me.user_id, MOMENT),
    "PostgresAccountRecords.close": lambda r, me: r.close(me.user_id, MOMENT),
}
"""Each function with what an intruder would ask of it; what it returns is nothing at all, or it is a leak."""

SYSTEM: dict[str, Callable[[Any, Intruder], Any]] = {
    "PostgresStrategies.running": lambda r, me: list(r.running()),
    "PostgresBrokerAccounts.find_by_email": lambda r, me: r.find_by_email(me.victim.email),
    "PostgresBrokerAccounts.free_egress": lambda r, me: r.free_egress(me.victim.user_id, by="me", now=MOMENT),
    "PostgresLedger.begun": lambda r, me: sorted(r.begun([me.strategy_id], TRADING_DAY)),
    "PostgresLedger.unfinished": lambda r, me: list(r.unfinished()),
    "PostgresLedger.to_watch": lambda r, me: list(r.to_watch()),
    "PostgresRisks.lock_deployment": lambda r, me: r.lock_deployment(by="me", reason=None, now=MOMENT),
    "PostgresRisks.release_deployment": lambda r, me: r.release_deployment(by="me", now=MOMENT),
    "PostgresRisks.deployment": lambda r, me: r.deployment(),
    "PostgresRisks.watched": lambda r, me: dict(r.watched(TRADING_DAY, MOMENT)),
    "PostgresOutbox.waiting": lambda r, me: list(r.waiting(MOMENT + DAY, 100)),
    "PostgresOutbox.stuck": lambda r, me: r.stuck(MOMENT + DAY),
    "PostgresSnapshots.missing": lambda r, me: list(r.missing(TRADING_DAY)),
    "PostgresAuditTrail.chains": lambda r, me: list(r.chains()),
    "PostgresAuditTrail.empty_heads": lambda r, me: list(r.empty_heads()),
    "PostgresAuditTrail.unchained": lambda r, me: list(r.unchained()),
    "PostgresStandings.note_staff": lambda r, me: r.note_staff(me.user_id, Role.ADMIN, "GET /", "/", MOMENT),
    "PostgresAdministration.clear_second_factor": lambda r, me: r.clear_second_factor(
        me.victim.user_id, by="me", reason="forged", now=MOMENT
    ),
    "PostgresAdministration.users": lambda r, me: list(r.users(query=None, limit=10, after=None)),
    "PostgresAdministration.find": lambda r, me: r.find(me.victim.email),
    "PostgresAdministration.state": lambda r, me: r.state(
        me.victim.user_id, by=me.user_id, role=Role.ADMIN, door="GET /", now=MOMENT
    ),
    "PostgresAdministration.lock": lambda r, me: r.lock(me.victim.user_id, by="me", reason="forged", now=MOMENT),
    "PostgresAdministration.unlock": lambda r, me: r.unlock(me.victim.user_id, by="me", now=MOMENT),
    "PostgresAdministration.grant": lambda r, me: r.grant(me.victim.user_id, Role.ADMIN, by="me", now=MOMENT),
    "PostgresAdministration.withdraw": lambda r, me: r.withdraw(me.victim.user_id, Role.SUPPORT, by="me", now=MOMENT),
    "PostgresAdministration.pulse": lambda r, me: r.pulse().users,
    "PostgresBrokerAccounts.with_login": lambda r, me: list(r.with_login([me.victim.user_id])),
    "PostgresOver.forget": lambda r, me: r.forget(MOMENT + DAY),
    "PostgresSummaries.traders": lambda r, me: list(r.traders(TRADING_DAY)),
}
"""What the system role asks about everybody; under the functions' role it finds nobody."""

ABOUT_NOBODY = {"PostgresAccountRecords.sections", "PostgresStandings.reading_only"}
"""What is the same for everybody."""
BY_SECRET = {"PostgresUsers.find_login", "PostgresBrokerAccounts.find_by_postback"}
"""Before a user is known: whoever knows the e-mail or the address sees that one row, which tests/integration/
adapters/test_database.py holds to it."""


def _account_of_victim(me: Intruder) -> UUID:
    return first_account_of(me.victim.user_id)


def _notice(me: Intruder) -> Any:
    return replace(me.victim.notice, user_id=me.user_id)


def _delivery(me: Intruder) -> Delivery:
    notice = InboxNotice(me.victim.notice.notice_id, "bought", "forged", MOMENT)
    return Delivery(me.user_id, Channel.EMAIL, notice, attempts=0)


def _anything(gate: Any) -> Any:
    seen = (gate.locks.user, gate.unsettled_day, gate.is_held_elsewhere, gate.may_surface_elsewhere, gate.symbols)
    return seen if any(seen) else None


@pytest.fixture(params=["another user", "nobody"])
def intruder(request: pytest.FixtureRequest, postgres_store: PostgresStore) -> Intruder:
    """A registered stranger, and an identifier that was never registered."""
    stores = postgres_stores(postgres_store)
    victim = with_first_notice(make_trader(stores), postgres_store)
    user_id = stores.add_user().user_id if request.param == "another user" else uuid4()
    return Intruder(user_id, victim)


def attempt(call: Callable[[Any, Intruder], Any], name: str, database: Database, me: Intruder) -> Any:
    """What the call brings; None where it is refused."""
    make = next(each for each in REPOSITORIES if name.startswith(f"{each.__name__}."))
    # What policies and foreign keys refuse is an error of PostgreSQL's or, named for its reason, one of ours.
    with suppress(AlgotradingError, psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege):
        return call(make(database), me)
    return None


def test_no_function_is_left_out() -> None:
    public = {
        f"{each.__name__}.{name}"
        for each in REPOSITORIES
        for name, _ in inspect.getmembers(each, inspect.isfunction)
        if not name.startswith("_")
    }

    assert public == set(CALLS) | set(SYSTEM) | BY_SECRET | ABOUT_NOBODY


def test_no_repository_is_left_out() -> None:
    from importlib import import_module, resources

    folder = resources.files("algotrading.adapters.postgres")
    modules = [
        import_module(f"algotrading.adapters.postgres.{file.name.removesuffix('.py')}")
        for file in folder.iterdir()
        if file.name.endswith(".py")
    ]
    repositories = {
        value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("Postgres") and inspect.isclass(value)
    }

    assert repositories == {*REPOSITORIES, PostgresInstruments}


@pytest.mark.parametrize("name", CALLS)
def test_a_stranger_gets_nothing_and_changes_nothing(
    postgres_store: PostgresStore, intruder: Intruder, name: str
) -> None:
    before = rows_of(postgres_store, intruder.victim.user_id)

    brought = attempt(CALLS[name], name, postgres_store.app, intruder)

    assert not brought, f"{name} answered {brought!r}"
    assert rows_of(postgres_store, intruder.victim.user_id) == before


@pytest.mark.parametrize("name", SYSTEM)
def test_what_is_asked_about_everybody_finds_nobody_under_the_functions_role(
    postgres_store: PostgresStore, intruder: Intruder, name: str
) -> None:
    before = rows_of(postgres_store, intruder.victim.user_id)

    brought = attempt(SYSTEM[name], name, postgres_store.app, intruder)

    assert not brought, f"{name} answered {brought!r}"
    assert rows_of(postgres_store, intruder.victim.user_id) == before


def test_the_owner_himself_finds_what_the_stranger_did_not(postgres_store: PostgresStore) -> None:
    # The calls above would also bring nothing if there were nothing.
    victim = with_first_notice(make_trader(postgres_stores(postgres_store)), postgres_store)
    himself = Intruder(victim.user_id, victim)
    reads = ["find", "of_day", "latest", "fills", "logs", "unsettled", "traded_on", "unsettled_of"]

    viewer = Intruder(victim.viewer.user_id, victim)
    assert attempt(CALLS["PostgresStandings.enter"], "PostgresStandings.enter", postgres_store.app, viewer)
    for name in [f"PostgresLedger.{each}" for each in reads] + [
        "PostgresKeptAnswers.begin",
        "PostgresSecondFactors.find",
        "PostgresSecondFactors.use_step",
        "PostgresSecondFactors.recovery_left",
        "PostgresSecondFactors.use_recovery",
        "PostgresEmailLinks.is_good",
        "PostgresRegistrations.email_of",
        "PostgresRegistrations.by_link",
        "PostgresLogins.alive",
        "PostgresLogins.refresh",
        "PostgresBrokerAccounts.find",
        "PostgresBrokerAccounts.postback_id",
        "PostgresStrategies.get",
        "PostgresStrategies.list_for",
        "PostgresStrategies.is_owned",
        "PostgresLedger.gate",
        "PostgresRisks.standing",
        "PostgresRisks.locks",
        "PostgresRisks.events",
        "PostgresAuditTrail.of_strategy",
        "PostgresAuditTrail.latest_day",
        "PostgresOutbox.claim",
        "PostgresNotifications.notice",
        "PostgresNotifications.inbox",
        "PostgresNotifications.unread",
        "PostgresNotifications.wishes",
        "PostgresNotifications.setups",
        "PostgresNotifications.confirm",
        "PostgresDeliveries.claim",
        "PostgresDeliveries.log",
        "PostgresAccountRecords.read",
        "PostgresStandings.read",
        "PostgresApiKeys.of_user",
        "PostgresViewerGrants.of_account",
        "PostgresViewerGrants.shared_with",
    ]:
        assert attempt(CALLS[name], name, postgres_store.app, himself), name
