"""A trader with something in every table, and everything that the database holds of him."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, User, first_account_of
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.events import BookRead
from algotrading.domain.keyed_requests import KeptAnswer, KeyedRequest
from algotrading.domain.limits import RiskLimits
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, ChannelSetup
from algotrading.domain.orders import AccountBook, BookReading, Fill
from algotrading.domain.push import PushDevice
from algotrading.domain.registrations import Registration
from algotrading.domain.roles import INVITATION_LASTS, Role, ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sms import CodeLimits
from algotrading.domain.strategy import Strategy
from algotrading.ports import BookSnapshot, Notice, OrderLog
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent
from tests.stores import PostgresStore


@dataclass(frozen=True, slots=True)
class Trader:
    """Who he is, and what is his."""

    user_id: UUID
    email: str
    mark: str
    """A word that is in every text of his, and nowhere else."""
    strategy: Strategy
    cycle: Cycle
    notice: Notice
    postback_id: UUID
    login: DeviceLogin
    refresh_hash: bytes
    keyed: KeyedRequest
    grant: ViewerGrant
    """An invitation that waits to be accepted, by what `link_hash("viewer")` is the hash of."""
    api_key: ApiKey
    """By what `link_hash("key")` is the hash of."""
    viewer: User
    """Who reads his account."""

    def link_hash(self, purpose: str) -> bytes:
        """The hash of a link that was mailed to him."""
        return sha256(f"{self.mark} {purpose}".encode()).digest()

    @property
    def words(self) -> tuple[str, ...]:
        """What shows in an answer that something of his is in it."""
        return (self.mark, str(self.user_id), str(self.strategy.strategy_id), str(self.postback_id), self.email)


def make_trader(stores: Stores) -> Trader:
    """A connected trader in the middle of a day: bought, guarded by limits, told, with his kill switch on."""
    mark = f"mark{uuid4().hex[:12]}"
    user = stores.add_user(f"{mark}@example.com")
    # As it is for the moment in which an account is opened.
    stores.registrations.add(Registration(user.user_id, user.email, mark, MOMENT))
    stores.registrations.add_link(user.user_id, sha256(f"{mark} registration".encode()).digest())
    stores.broker_accounts.save(sealed_account(user.user_id, mark))
    stores.deploy((DeployedRoute(name=mark, addresses=("13.200.0.1",), proxies=(f"{mark}:3128",)),))
    assert stores.broker_accounts.claim_egress(user.user_id) is not None
    strategy = stores.add_strategy(user, symbol=mark.upper())
    taken = stores.ledger.take(strategy, TRADING_DAY)
    intent = make_intent(taken, broker_order_id=f"{mark}-1")
    cycle = replace(taken, state=CycleState.LONG, intents=(intent,))
    log = OrderLog(
        uuid4(), strategy.strategy_id, "BUY", MOMENT, {"word": mark}, intent.tag, f"{mark}-1", "accepted", 1.0
    )
    fill = Fill(f"{mark}-t", f"{mark}-1", "NSE", 10, Decimal(3520), MOMENT)
    told = Decision(cycle, (Tell(NoticeKind.BOUGHT, f"{mark} was bought"),))
    stores.ledger.save(told, event=BookRead(MOMENT, BookReading(MOMENT, (), (fill,))), now=MOMENT, logs=[log])
    stores.snapshots.add(
        BookSnapshot(user.user_id, first_account_of(user.user_id), TRADING_DAY, AccountBook(MOMENT, (), (fill,), ()))
    )
    stores.risks.set_limits(user.user_id, RiskLimits(daily_loss=Decimal("12345.5")), MOMENT)
    stores.risks.lock(user.user_id, by="owner", reason=mark, now=MOMENT)
    login = DeviceLogin(uuid4(), user.user_id, mark, MOMENT, MOMENT, MOMENT + LOGIN_LASTS)
    refresh_hash = sha256(mark.encode()).digest()
    stores.logins.begin(login, refresh_hash, "hash")
    factor = SecondFactor(user.user_id, mark, MOMENT)
    stores.second_factors.begin(factor)
    stores.second_factors.confirm(factor, 1, [refresh_hash], MOMENT)
    for purpose in LinkPurpose:
        link_hash = sha256(f"{mark} {purpose}".encode()).digest()
        stores.email_links.add(user.user_id, purpose, link_hash, now=MOMENT, expires_at=MOMENT + LOGIN_LASTS)
    keyed = KeyedRequest(user.user_id, mark, refresh_hash, MOMENT)
    stores.kept_answers.begin(keyed)
    stores.kept_answers.finish(keyed, KeptAnswer(200, {}, mark))
    setup = ChannelSetup(user.user_id, Channel.WEBHOOK, f"https://{mark}.in", MOMENT, mark, confirmed_at=MOMENT)
    stores.notifications.save_setup(setup)
    assert stores.notifications.spend_chat_code(user.user_id, MOMENT)
    stores.notifications.save_setup(ChannelSetup(user.user_id, Channel.TELEGRAM, mark, MOMENT))
    stores.notifications.set_code(user.user_id, Channel.TELEGRAM, mark, refresh_hash, MOMENT)
    stores.notifications.save_setup(ChannelSetup(user.user_id, Channel.SMS, "+91******3210", MOMENT, mark))
    stores.notifications.set_code(user.user_id, Channel.SMS, "+91******3210", refresh_hash, MOMENT)
    assert stores.sms_codes.spend(user.user_id, refresh_hash[0], CodeLimits(99), MOMENT)
    stores.push_devices.register(PushDevice(user.user_id, login.device_id, refresh_hash, mark, MOMENT))
    stores.notifications.set_wishes(user.user_id, {(NoticeKind.BOUGHT, Channel.EMAIL): False})
    for told_before in stores.notifications.inbox(user.user_id, limit=10, before=None):
        stores.deliveries.add(user.user_id, told_before.notice_id, list(Channel), MOMENT)
    stores.notifications.mark_read(user.user_id, None, MOMENT)
    stores.system_summaries.tell(user.user_id, TRADING_DAY, NoticeKind.DAILY_SUMMARY, mark, MOMENT)
    stores.email_links.verify_email(
        user.user_id, sha256(f"{mark} {LinkPurpose.VERIFY_EMAIL}".encode()).digest(), MOMENT
    )
    stores.administration.grant(user.user_id, Role.SUPPORT, by=mark, now=MOMENT)
    stores.email_links.add(
        user.user_id,
        LinkPurpose.VERIFY_EMAIL,
        sha256(f"{mark} {LinkPurpose.VERIFY_EMAIL}".encode()).digest(),
        now=MOMENT,
        expires_at=MOMENT + LOGIN_LASTS,
    )
    viewer = stores.add_user()
    grants = [ViewerGrant(uuid4(), user.user_id, mark, user.email, MOMENT, MOMENT + INVITATION_LASTS) for _ in range(2)]
    for grant, name in zip(grants, ("viewer", "another"), strict=True):
        stores.viewers.invite(grant, sha256(f"{mark} {name}".encode()).digest())
    stores.viewers.accept(user.user_id, sha256(f"{mark} another".encode()).digest(), viewer, MOMENT)
    other = stores.add_user()
    lent = ViewerGrant(uuid4(), other.user_id, mark, other.email, MOMENT, MOMENT + INVITATION_LASTS)
    stores.viewers.invite(lent, sha256(f"{mark} lent".encode()).digest())
    stores.viewers.accept(other.user_id, sha256(f"{mark} lent".encode()).digest(), user, MOMENT)
    api_key = ApiKey(uuid4(), user.user_id, mark, frozenset(Scope), MOMENT, MOMENT + LOGIN_LASTS)
    stores.api_keys.add(api_key, sha256(f"{mark} key".encode()).digest())
    postback_id = stores.broker_accounts.postback_id(user.user_id)
    assert postback_id is not None
    notice = Notice(0, user.user_id, strategy.strategy_id, "bought", mark, MOMENT, attempts=0)
    return Trader(
        user.user_id,
        user.email,
        mark,
        strategy,
        cycle,
        notice,
        postback_id,
        login,
        refresh_hash,
        keyed,
        grants[0],
        api_key,
        viewer,
    )


def with_first_notice(trader: Trader, store: PostgresStore) -> Trader:
    """The trader, with the number of his first waiting notice."""
    with store.owner() as owner:
        row = owner.execute("select min(notice_id) from outbox where user_id = %s", (trader.user_id,)).fetchone()
    assert row is not None
    return replace(trader, notice=replace(trader.notice, notice_id=row[0]))


def sealed_account(user_id: UUID, mark: str) -> SealedBrokerAccount:
    """A broker connection whose every text holds `mark`."""
    return SealedBrokerAccount(
        user_id,
        first_account_of(user_id),
        BrokerName.KITE,
        mark,
        f"{mark}-secret",
        f"{mark}-token",
        mark,
        ConnectionStatus.CONNECTED,
        MOMENT,
        MOMENT,
    )


def rows_of(store: PostgresStore, user_id: UUID) -> dict[str, list[Any]]:
    """Every row of every table that belongs to the user, as its owner sees it."""
    with store.owner() as owner:
        tables = owner.execute(
            "select table_name from information_schema.columns where table_schema = 'public'"
            " and column_name = 'user_id' order by table_name"
        ).fetchall()
        found = {
            name: owner.execute(
                f"select to_jsonb(t)::text from {name} t where user_id = %s order by 1", (user_id,)
            ).fetchall()
            for (name,) in tables
        }
        found["users"] = owner.execute("select to_jsonb(t)::text from users t where id = %s", (user_id,)).fetchall()
    return found
