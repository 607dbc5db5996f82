"""The whole API in memory: real doors, routes, services and tokens over the fakes of the ports."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

from algotrading.adapters.allowances import LocalAllowances
from algotrading.adapters.common_passwords import CommonPasswords
from algotrading.adapters.passwords import Argon2Passwords
from algotrading.adapters.throttles import LocalThrottle
from algotrading.adapters.tokens import JwtTokens
from algotrading.contracts.api_routes import API_ROUTES
from algotrading.contracts.errands import read_errand
from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.accounts import BrokerCredentials, User
from algotrading.domain.allowances import Allowance
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.mail import Mail
from algotrading.domain.mobile_numbers import Country
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sms import CodeLimits
from algotrading.entrypoints.api.account_data import AccountDataRoutes
from algotrading.entrypoints.api.account_links import AccountLinkRoutes
from algotrading.entrypoints.api.admin import AdminRoutes, AdminServices
from algotrading.entrypoints.api.auth import AuthRoutes
from algotrading.entrypoints.api.broker import BrokerRoutes, BrokerServices
from algotrading.entrypoints.api.broker_accounts import BrokerAccountRoutes
from algotrading.entrypoints.api.keys import KeyRoutes
from algotrading.entrypoints.api.notifications import NotificationRoutes
from algotrading.entrypoints.api.password import PasswordRoutes
from algotrading.entrypoints.api.postback import PostbackRoutes
from algotrading.entrypoints.api.registration import RegistrationRoutes
from algotrading.entrypoints.api.risk import RiskRoutes, RiskServices
from algotrading.entrypoints.api.strategy import StrategyRoutes, StrategyServices
from algotrading.entrypoints.api.viewers import ViewerRoutes
from algotrading.entrypoints.authorizer import TokenAuthorizer
from algotrading.entrypoints.http import HttpDoor
from algotrading.ports import Lane
from algotrading.services.account_data import AccountData
from algotrading.services.account_guard import AccountGuard
from algotrading.services.account_links import AccountLinks
from algotrading.services.account_mails import AccountMails
from algotrading.services.accounts import API_AUDIENCE, Accounts
from algotrading.services.administration import Administrators
from algotrading.services.admission import Admission
from algotrading.services.broker_account_keeper import BrokerAccountKeeper
from algotrading.services.broker_books import BrokerBooks
from algotrading.services.broker_connection import BrokerConnections
from algotrading.services.check_plan import PlanChecker
from algotrading.services.day_chart import DayChartReader
from algotrading.services.deliver_notices import NoticeDelivery
from algotrading.services.flatten import Flattener
from algotrading.services.health import HealthReader
from algotrading.services.keyed_requests import KeyedRequests
from algotrading.services.kill_switch import KillSwitch
from algotrading.services.live_prices import LivePrices
from algotrading.services.login_wake import LoginWake
from algotrading.services.manage_strategy import StrategyManager
from algotrading.services.notification_center import NotificationCenter
from algotrading.services.operate import Operator
from algotrading.services.order_hints import OrderHints
from algotrading.services.password_change import PasswordChange
from algotrading.services.password_check import PasswordCheck
from algotrading.services.postbacks import Postbacks
from algotrading.services.preflight import PreflightReader
from algotrading.services.programs import Programs
from algotrading.services.publish_strategy import Publisher
from algotrading.services.push_notices import PushDelivery
from algotrading.services.registrar import Registrar
from algotrading.services.risk_profile import RiskProfiles
from algotrading.services.safe_login import SafeLogins
from algotrading.services.second_factor import SecondFactorKeeper
from algotrading.services.sms_notices import SmsDelivery
from algotrading.services.sms_numbers import SmsNumbers
from algotrading.services.strategy_status import StrategyReader
from algotrading.services.timeline import TimelineReader
from algotrading.services.viewers import Viewers
from tests.fakes.access import MemoryApiKeys, MemoryStandings, MemoryViewerGrants
from tests.fakes.account_records import MemoryAccountRecords
from tests.fakes.accounts import MemoryBrokerAccounts, MemoryLogins, MemorySecondFactors, MemoryUsers
from tests.fakes.administration import MemoryAdministration, MemoryGauge
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.broker import MemoryBrokers
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter, MemorySchedules, MemoryVault
from tests.fakes.database import MemoryDatabase
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import MemoryExchange
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.kept_answers import MemoryKeptAnswers
from tests.fakes.ledger import MemoryLedger
from tests.fakes.mails import MemoryEmailLinks, MemoryErrands, MemoryMailer
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.notifications import (
    MemoryChats,
    MemoryDeliveries,
    MemoryNotifications,
    MemorySmsCodes,
    MemorySummaries,
    MemoryTextMessages,
    MemoryWebhooks,
)
from tests.fakes.push import MemoryPushDevices, MemoryPushes
from tests.fakes.queue import MemoryQueue
from tests.fakes.registrations import MemoryRegistrations
from tests.fakes.risks import MemoryRisks
from tests.fakes.runtime import MemoryRuntime
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies
from tests.http_events import http_event

EIGHT_O_CLOCK = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
"""08:00 Asia/Kolkata on a trading Friday."""
TODAY = EIGHT_O_CLOCK.date()
ACCESS_LASTS = timedelta(hours=12)
SIGNING_KEY = "a signing key for tests, longer than thirty-two bytes"
PASSWORD = "good-old-horse"
"""Of everybody who registers."""
PLAN = {"symbol": "TCS", "buy_time": "09:30:00", "sell_time": "15:30:00", "stop_loss": 3500, "quantity": 10}
"""The request of the specification."""
_OPEN_DOOR = "auth"
_PASSWORDS = Argon2Passwords(memory_kib=8, passes=1)
"""Weak, for speed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def error(self) -> str:
        """The error's code."""
        return str(self.body["error"])

    @property
    def fields(self) -> list[str]:
        """The fields that the error names."""
        return [detail["field"] for detail in self.body["details"]]


@dataclass(slots=True)
class ApiWorld:
    """Doors and everything behind them; tests arrange and look at the fakes directly."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(EIGHT_O_CLOCK))
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    schedules: MemorySchedules = field(default_factory=MemorySchedules)
    needs_second_factor: bool = False
    is_bound: bool = False
    """As in an environment where it is real money."""
    needs_verified_email: bool = False
    """The same."""
    requests_per_minute: int = 600
    """Of one person."""
    errands: MemoryErrands = field(default_factory=MemoryErrands)
    mailer: MemoryMailer = field(default_factory=MemoryMailer)
    notice_errands: MemoryErrands = field(default_factory=MemoryErrands)
    pushes: MemoryPushes = field(default_factory=MemoryPushes)
    webhooks: MemoryWebhooks = field(default_factory=MemoryWebhooks)
    chats: MemoryChats = field(default_factory=MemoryChats)
    texts: MemoryTextMessages = field(default_factory=MemoryTextMessages)
    sms_per_user: int = 10
    sms_codes_per_day: int = 200
    gauge: MemoryGauge = field(default_factory=MemoryGauge)
    request_id: str = "request-1"
    """What the next requests are called by the platform that runs the functions."""
    exchange: MemoryExchange = field(init=False)
    runtime: MemoryRuntime = field(init=False)
    queue: MemoryQueue = field(init=False)
    ledger: MemoryLedger = field(init=False)
    tokens: JwtTokens = field(init=False)
    throttle: LocalThrottle = field(init=False)
    allowances: LocalAllowances = field(init=False)
    doors: dict[str, HttpDoor] = field(init=False)
    authorizer: TokenAuthorizer = field(init=False)

    def __post_init__(self) -> None:
        self.exchange = MemoryExchange(self.clock, {"TCS": Decimal(3521)})
        self.runtime = MemoryRuntime(self.clock)
        self.queue = MemoryQueue(self.clock)
        self.ledger = MemoryLedger(self.database)
        self.throttle = LocalThrottle(lambda: self.clock.now().timestamp())
        self.allowances = LocalAllowances(lambda: self.clock.now().timestamp())
        self.tokens = JwtTokens(lambda _: [SIGNING_KEY], self.clock)
        self.authorizer = TokenAuthorizer(lambda: self.tokens)
        for symbol in ("TCS", "INFY"):
            instrument = make_instrument(symbol)
            self.database.instruments["NSE", symbol] = instrument
        self.doors = {
            "auth": HttpDoor(
                RegistrationRoutes(lambda: self._accounts().registrar).router(),
                AuthRoutes(self._accounts).router(),
                AccountLinkRoutes(lambda: self._accounts().links).router(),
                PasswordRoutes(lambda: self._accounts().password_change).router(),
                AccountDataRoutes(lambda: self._accounts().data).router(),
                ViewerRoutes(lambda: self._accounts().viewers).router(),
                KeyRoutes(lambda: self._accounts().programs).router(),
                admission=self._admission,
                keyed=self._keyed,
                meter=self.meter,
            ),
            "broker": HttpDoor(
                BrokerRoutes(self._broker).router(),
                BrokerAccountRoutes(lambda: self._broker().keeper).router(),
                admission=self._admission,
                meter=self.meter,
                keyed=self._keyed,
            ),
            "notifications": HttpDoor(
                NotificationRoutes(self._notification_center).router(),
                admission=self._admission,
                keyed=self._keyed,
                meter=self.meter,
            ),
            "admin": HttpDoor(
                AdminRoutes(self._admin).router(), admission=self._admission, keyed=self._keyed, meter=self.meter
            ),
            "postback": HttpDoor(PostbackRoutes(self._postbacks).router()),
            "strategy": HttpDoor(
                StrategyRoutes(self._strategies).router(),
                RiskRoutes(self._risk).router(),
                admission=self._admission,
                meter=self.meter,
                keyed=self._keyed,
            ),
        }

    # --- asking -------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        raw: str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        base64_encoded: bool = False,
    ) -> Answer:
        """Ask as a client does: through the authorizer, where the route has one, and the route's door.
        `raw` replaces the JSON of `body`."""
        sent = {**({} if body is None and raw is None else {"Content-Type": "application/json"}), **(headers or {})}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        text = raw if raw is not None else None if body is None else json.dumps(body)
        full_path = f"/api/v1{path}"
        return self.request(method, full_path, text=text, headers=sent, query=query, base64_encoded=base64_encoded)

    def request(
        self,
        method: str,
        full_path: str,
        *,
        text: str | None,
        headers: dict[str, str],
        query: dict[str, str] | None,
        base64_encoded: bool = False,
        address: str | None = None,
    ) -> Answer:
        """One request of the gateway's, whatever its path; from another address of the network than the usual one, if
        that is given."""
        event = http_event(method, full_path, body=text, headers=headers, query=query, base64_encoded=base64_encoded)
        if address is not None:
            event["requestContext"]["http"]["sourceIp"] = address
        routes = sorted((r for r in API_ROUTES if r.matches(full_path)), key=lambda route: route.path != full_path)
        keys = [f"{method} {route.path}" for route in routes if route.method == method]
        event["routeKey"] = keys[0] if keys else "$default"
        if any(not route.is_open for route in routes):
            event["requestContext"]["authorizer"] = {"lambda": self.authorizer.judge(event)["context"]}
        door = self.doors[routes[0].function if routes else _OPEN_DOOR]
        response = door.resolve(event, SimpleNamespace(aws_request_id=self.request_id))
        is_json = response["headers"].get("Content-Type", "").startswith("application/json")
        content = json.loads(response["body"]) if is_json else response["body"]
        return Answer(response["statusCode"], content, response["headers"])

    def register(self, email: str = "trader@example.com") -> str:
        """A new trader's token, by the link of the mail that was sent; of what else waits nothing is delivered."""
        waiting, self.errands.asked = self.errands.asked, []
        asked = self.call("POST", "/auth/register", {"email": email, "password": PASSWORD})
        assert asked.status == 202, asked.body
        [mail] = self.deliver_mails()
        self.errands.asked = waiting
        self.mailer.sent.remove(mail)
        token = mail.text.partition("/confirm#")[2].split()[0]
        opened = self.call("POST", "/auth/register/confirm", {"token": token, "password": PASSWORD})
        assert opened.status == 200, opened.body
        return self.log_in(email)

    def register_as_before(self, email: str = "trader@example.com") -> str:
        """The token of a trader from the time when accounts were open before their e-mail was confirmed."""
        MemoryUsers(self.database).add(User(uuid4(), email, self.clock.now()), _PASSWORDS.hash(PASSWORD))
        return self.log_in(email)

    def log_in(self, email: str = "trader@example.com") -> str:
        """A trader's next token."""
        answer = self.call("POST", "/auth/login", {"email": email, "password": PASSWORD})
        assert answer.status == 200, answer.body
        return str(answer.body["token"])

    def connect(self, token: str, account_id: str | None = None) -> BrokerCredentials:
        """A broker connection for the trader, in the default account unless another is named."""
        credentials = self.exchange.open_account()
        body = {
            "api_key": credentials.api_key,
            "api_secret": credentials.api_secret,
            "access_token": credentials.access_token,
            **({} if account_id is None else {"account_id": account_id}),
        }
        answer = self.call("POST", "/broker/connect", body, token=token)
        assert answer.status == 200, answer.body
        return credentials

    def open_account(self, token: str, name: str = "HUF") -> str:
        """One more broker account of the trader's, in which no broker is connected: its id."""
        account_id = uuid4()
        self.clock.sleep(1)
        account = NamedAccount(account_id, self.user_of(token), name, is_default=False, created_at=self.clock.now())
        MemoryNamedAccounts(self.database).add(account)
        return str(account_id)

    def create(self, token: str, **changes: Any) -> str:
        """A new strategy's id."""
        answer = self.call("POST", "/strategy/create", {**PLAN, **changes}, token=token)
        assert answer.status == 201, answer.body
        return str(answer.body["strategy_id"])

    def start(self, token: str, strategy_id: str) -> Answer:
        """Start a strategy."""
        return self.call("POST", "/strategy/start", {"strategy_id": strategy_id}, token=token)

    def stop(self, token: str, strategy_id: str) -> Answer:
        """Stop a strategy."""
        return self.call("POST", "/strategy/stop", {"strategy_id": strategy_id}, token=token)

    def status(self, token: str, strategy_id: str) -> Answer:
        """Read a strategy's standing."""
        return self.call("GET", f"/strategy/status/{strategy_id}", token=token)

    def running_trader(self, **plan: Any) -> tuple[str, str]:
        """A connected trader with a running strategy: token and strategy id."""
        token = self.register()
        self.connect(token)
        strategy_id = self.create(token, **plan)
        answer = self.start(token, strategy_id)
        assert answer.status == 200, answer.body
        return token, strategy_id

    def deliver_mails(self) -> list[Mail]:
        """Have every mail sent that was asked for; those that went out."""
        before = len(self.mailer.sent)
        mails = AccountMails(
            MemoryUsers(self.database),
            MemoryRegistrations(self.database),
            MemoryEmailLinks(self.database),
            MemorySummaries(self.database),
            self.mailer,
            self.clock,
            "https://app",
        )
        while self.errands.asked:
            mails.run(read_errand(self.errands.asked.pop(0).model_dump_json()))
        return self.mailer.sent[before:]

    def notice_delivery(self) -> NoticeDelivery:
        """What takes notices on to their users' channels."""
        return NoticeDelivery(
            users=MemoryUsers(self.database),
            notifications=MemoryNotifications(self.database),
            deliveries=MemoryDeliveries(self.database),
            vault=MemoryVault(),
            mailer=self.mailer,
            webhooks=self.webhooks,
            chats=self.chats,
            pushes=PushDelivery(
                MemoryPushDevices(self.database),
                MemoryVault(),
                self.pushes,
                self.notice_errands,
                self.clock,
                self.meter,
            ),
            sms=SmsDelivery(MemoryDeliveries(self.database), MemoryVault(), self.texts, self.clock, self.sms_per_user),
            errands=self.notice_errands,
            clock=self.clock,
            meter=self.meter,
            app_url="https://app",
        )

    # --- arranging and looking ----------------------------------------------------------------------

    def at(self, ist: str) -> None:
        """Move on to a time of day of the same day, Asia/Kolkata."""
        hours, minutes, seconds = (int(part) for part in ist.split(":"))
        midnight = EIGHT_O_CLOCK - timedelta(hours=8)
        self.clock.sleep_until(midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds))

    def hold(
        self, strategy_id: str, state: CycleState = CycleState.LONG, *, day: date = TODAY, **changes: Any
    ) -> Cycle:
        """Let the strategy's cycle of `day` stand in `state`."""
        strategy = self.database.strategies[UUID(strategy_id)]
        cycle = Cycle(
            strategy.strategy_id,
            strategy.user_id,
            strategy.account_id,
            day,
            strategy.plan,
            state=state,
            epoch=1,
            **changes,
        )
        self.database.cycles[strategy.strategy_id, day] = cycle
        return cycle

    def commands(self) -> list[tuple[Lane, OrderCommand]]:
        """What the order queues were given."""
        return list(self.queue.sent)

    def sent(self) -> list[tuple[Lane, OrderEvent]]:
        """Lane and event of what the order queues were given."""
        return [(lane, command.event) for lane, command in self.commands()]

    def snapshot(self) -> dict[str, Any]:
        """Everything that a request may change."""
        return {
            "users": dict(self.database.users),
            "registrations": dict(self.database.registrations),
            "email_links": dict(self.database.email_links),
            "errands": list(self.errands.asked),
            "viewers": dict(self.database.viewers),
            "api_keys": set(self.database.api_keys),
            "roles": {user_id: set(roles) for user_id, roles in self.database.roles.items()},
            "locked": dict(self.database.locked),
            "broker_accounts": dict(self.database.broker_accounts),
            "named_accounts": dict(self.database.named_accounts),
            "removed_accounts": set(self.database.removed_accounts),
            "strategies": dict(self.database.strategies),
            "deleted": set(self.database.deleted),
            "wishes": dict(self.database.wishes),
            "channel_setups": dict(self.database.channel_setups),
            "push_devices": dict(self.database.push_devices),
            "sms_codes": list(self.database.sms_codes),
            "inbox_reads": dict(self.database.inbox_reads),
            "risk_limits": dict(self.database.risk_limits),
            "kill_locks": dict(self.database.kill_locks),
            "deployment_lock": self.database.deployment_lock,
            "schedules": dict(self.schedules.alarms),
            "keys": {key: dict(value) for key, value in self.runtime.hashes.items()},
            "changes": list(self.runtime.changes),
            "commands": self.commands(),
        }

    def token_for(
        self, user_id: UUID, *, audience: str = API_AUDIENCE, hours: float = 12, second_factor: bool = False
    ) -> str:
        """A token of ours."""
        lifetime = timedelta(hours=hours)
        return self.tokens.issue(user_id, audience=audience, lifetime=lifetime, second_factor=second_factor)

    def user_of(self, token: str) -> UUID:
        """Whose token it is."""
        return self.tokens.verify(token, audience=API_AUDIENCE)

    def clerk(self, role: Role, email: str = "clerk@example.com") -> str:
        """The token of somebody who has a role of staff, and has just shown a second factor."""
        return self.employed(self.register(email), role)

    def employed(self, token: str, role: Role, *, hours: float = 12) -> str:
        """Another token of that login, whose user has got a role of staff, and has just shown a second factor on it."""
        login = self.tokens.read(token, audience=API_AUDIENCE)
        self.employ(login.user_id, role)
        assert login.device_id is not None
        self.database.codes_shown[login.device_id] = self.clock.now()
        return self.tokens.issue(
            login.user_id,
            audience=API_AUDIENCE,
            lifetime=timedelta(hours=hours),
            second_factor=True,
            device_id=login.device_id,
        )

    def employ(self, user_id: UUID, role: Role) -> None:
        """Give somebody a role of staff, and what it needs."""
        self.database.roles[user_id] = {role}
        self.give_second_factor(user_id)

    def give_second_factor(self, user_id: UUID) -> None:
        """One whose codes nobody knows: a door that asks for a code has opened by then."""
        sealed = MemoryVault().seal(user_id, {"totp_secret": "A" * 32})["totp_secret"]
        self.database.second_factors[user_id] = SecondFactor(user_id, sealed, self.clock.now(), self.clock.now())

    def user_of_email(self, email: str) -> UUID:
        """Whose account it is, also after their tokens have expired."""
        return next(user_id for user_id, (user, _) in self.database.users.items() if user.email == email)

    # --- services -----------------------------------------------------------------------------------

    def _admission(self) -> Admission:
        return Admission(
            MemoryStandings(self.database),
            self.throttle,
            self.allowances,
            self.clock,
            of_person=Allowance("person", self.requests_per_minute),
            of_program=Allowance("key", 120),
        )

    def _keyed(self) -> KeyedRequests:
        return KeyedRequests(MemoryKeptAnswers(self.database), self.clock, _PASSWORDS.derive)

    def _admin(self) -> AdminServices:
        store, risks = MemoryAdministration(self.database), MemoryRisks(self.database)
        second_factors = self._second_factors()
        flattener = Flattener(risks, self.ledger, self.queue)
        return AdminServices(
            Administrators(store, second_factors, self.throttle, self.clock),
            Operator(risks, self.ledger, flattener, self.clock, self.meter),
            HealthReader(store, self.runtime, self.gauge, self.clock),
        )

    def _second_factors(self) -> SecondFactorKeeper:
        return SecondFactorKeeper(MemorySecondFactors(self.database), MemoryVault(), self.clock, _PASSWORDS)

    def _accounts(self) -> Accounts:
        users, passwords = MemoryUsers(self.database), _PASSWORDS
        second_factors = self._second_factors()
        records = MemoryAccountRecords(self.database)
        logins, is_common = MemoryLogins(self.database), CommonPasswords().__contains__
        links = AccountLinks(
            users=users,
            logins=MemoryLogins(self.database),
            links=MemoryEmailLinks(self.database),
            errands=self.errands,
            passwords=passwords,
            throttle=self.throttle,
            clock=self.clock,
            is_common=is_common,
        )
        check = PasswordCheck(users, passwords, links, self.throttle)
        return Accounts(
            users=users,
            links=links,
            registrar=Registrar(
                users,
                MemoryRegistrations(self.database),
                self.errands,
                passwords,
                self.throttle,
                self.clock,
                is_common,
            ),
            logins=logins,
            password_check=check,
            password_change=PasswordChange(check, logins, passwords, self.clock, is_common),
            access_lasts=ACCESS_LASTS,
            is_common=is_common,
            second_factors=second_factors,
            programs=Programs(MemoryApiKeys(self.database), second_factors, self.throttle, self.clock),
            viewers=Viewers(users, MemoryViewerGrants(self.database), self.throttle, self.clock),
            data=AccountData(users, records, passwords, second_factors, self.throttle, self.clock, self.errands),
            throttle=self.throttle,
            broker_accounts=MemoryBrokerAccounts(self.database),
            named=MemoryNamedAccounts(self.database),
            passwords=passwords,
            tokens=self.tokens,
            clock=self.clock,
        )

    def _notification_center(self) -> NotificationCenter:
        return NotificationCenter(
            users=MemoryUsers(self.database),
            notifications=MemoryNotifications(self.database),
            deliveries=MemoryDeliveries(self.database),
            push_devices=MemoryPushDevices(self.database),
            vault=MemoryVault(),
            webhooks=self.webhooks,
            chats=self.chats,
            sms=SmsNumbers(
                users=MemoryUsers(self.database),
                notifications=MemoryNotifications(self.database),
                codes=MemorySmsCodes(self.database),
                texts=self.texts,
                vault=MemoryVault(),
                errands=self.notice_errands,
                clock=self.clock,
                countries=(Country.IN,),
                limits=CodeLimits(self.sms_codes_per_day),
            ),
            errands=self.notice_errands,
            clock=self.clock,
        )

    def _broker(self) -> BrokerServices:
        accounts, named = MemoryBrokerAccounts(self.database), MemoryNamedAccounts(self.database)
        strategies, users = MemoryStrategies(self.database), MemoryUsers(self.database)
        safe_logins = SafeLogins(
            users=users,
            second_factors=MemorySecondFactors(self.database),
            needs_second_factor=self.needs_second_factor,
            needs_verified_email=self.needs_verified_email,
        )
        connections = BrokerConnections(
            accounts=accounts,
            named=named,
            guard=AccountGuard(accounts, self.ledger, self.clock),
            safe_logins=safe_logins,
            vault=MemoryVault(),
            brokers=MemoryBrokers(self.exchange),
            tokens=self.tokens,
            clock=self.clock,
            is_bound=self.is_bound,
            feed_emails=frozenset({"feed@example.com"}),
            users=users,
            standings=MemoryStandings(self.database),
            login_wake=LoginWake(self.ledger, self.queue, self.clock, self.meter),
        )
        books = BrokerBooks(MemorySnapshots(self.database), named, self.ledger, self.clock)
        keeper = BrokerAccountKeeper(named, connections, strategies, safe_logins, self.clock)
        return BrokerServices(connections, books, keeper)

    def _postbacks(self) -> Postbacks:
        hints = OrderHints(self.clock, self.ledger, self.runtime, self.queue, self.meter)
        return Postbacks(MemoryBrokerAccounts(self.database), MemoryVault(), hints, self.clock, self.meter)

    def _strategies(self) -> StrategyServices:
        strategies, instruments = MemoryStrategies(self.database), MemoryInstruments(self.database)
        publisher = Publisher(
            runtime=self.runtime,
            schedules=self.schedules,
            queue=self.queue,
            meter=self.meter,
            clock=self.clock,
            table=NSE_SESSIONS,
            entry_grace=timedelta(seconds=120),
        )
        prices = LivePrices(self.runtime, self.meter)
        manager = StrategyManager(
            strategies=strategies,
            ledger=self.ledger,
            instruments=instruments,
            accounts=MemoryBrokerAccounts(self.database),
            named=MemoryNamedAccounts(self.database),
            risks=MemoryRisks(self.database),
            checker=PlanChecker(instruments, NSE_SESSIONS),
            publisher=publisher,
            prices=prices,
            clock=self.clock,
        )
        reader = StrategyReader(strategies, self.ledger, instruments, prices, self.clock, NSE_SESSIONS)
        timeline = TimelineReader(strategies, self.ledger, MemoryAuditTrail(self.database), self.clock, NSE_SESSIONS)
        accounts, risks = MemoryBrokerAccounts(self.database), MemoryRisks(self.database)
        checker = PlanChecker(instruments, NSE_SESSIONS)
        named = MemoryNamedAccounts(self.database)
        preflight = PreflightReader(
            strategies, accounts, named, risks, self.runtime, checker, self.clock, self.is_bound
        )
        day_chart = DayChartReader(strategies, self.ledger, self.runtime, self.clock, self.meter)
        return StrategyServices(manager, reader, timeline, preflight, day_chart)

    def _risk(self) -> RiskServices:
        risks = MemoryRisks(self.database)
        switch = KillSwitch(risks, self.ledger, Flattener(risks, self.ledger, self.queue), self.clock, self.meter)
        return RiskServices(RiskProfiles(risks, LivePrices(self.runtime, self.meter), self.clock, self.ledger), switch)
