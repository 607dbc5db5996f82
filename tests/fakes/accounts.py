"""ports.Users, ports.Logins and ports.BrokerAccounts in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from algotrading.domain.account_notices import (
    CODE_REUSED,
    SECOND_FACTOR_OFF,
    SECOND_FACTOR_ON,
    login_copied,
    login_refused,
    new_device,
    password_changed_by_old_one,
)
from algotrading.domain.accounts import (
    ACCOUNT_IS_GONE,
    CONNECTION_CHANGED,
    LOCKED,
    NO_MATCH,
    NOT_SOLD,
    Login,
    SealedBrokerAccount,
    User,
    first_account_of,
    still_trading,
    told_of_refusal,
)
from algotrading.domain.audit import (
    AuditKind,
    account_entry,
    broker_entry,
    disconnected_entry,
    freed_entry,
    login_ended_entry,
    login_entry,
    second_factor_entry,
    staff_deed_entry,
    token_entry,
)
from algotrading.domain.egress import EgressRoute
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import (
    AccountLocked,
    AuthenticationFailed,
    BrokerAccountTaken,
    Conflict,
    NotFound,
    TokenExpired,
    TokenInvalid,
)
from algotrading.domain.logins import KEEPS_DEVICE_KNOWN, DeviceLogin, LoginEnd, Refresh, judge_refresh
from algotrading.domain.notices import NoticeKind
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sessions import trading_day_of
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase, refuse_deleted
from tests.fakes.ledger import add_notice
from tests.fakes.named_accounts import account_of, accounts_of
from tests.fakes.new_password import tell_of_new_password


class MemoryUsers:
    """ports.Users in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, user: User, password_hash: str) -> None:
        """See ports.Users."""
        with self._database.turn:
            if user.user_id in self._database.users or self.find_login(user.email) is not None:
                raise Conflict("an account with this e-mail exists")
            self._database.users[user.user_id] = (user, password_hash)
            if user.email_verified_at is not None:
                entry = account_entry(user.user_id, AuditKind.EMAIL_VERIFIED, user.email_verified_at)
                audit.append(self._database, entry)

    def find_login(self, email: str) -> Login | None:
        """See ports.Users."""
        for user, password_hash in self._database.users.values():
            if user.email.lower() == email.lower() and user.user_id not in self._database.closed:
                return Login(user.user_id, password_hash, user.user_id in self._database.locked)
        return None

    def get(self, user_id: UUID) -> User:
        """See ports.Users."""
        if user_id not in self._database.users or user_id in self._database.closed:
            raise NotFound("no such user")
        return replace(self._database.users[user_id][0], is_locked=user_id in self._database.locked)


class MemoryLogins:
    """ports.Logins in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def begin(self, login: DeviceLogin, token_hash: bytes, password_hash: str, *, known_as: UUID | None = None) -> None:
        """See ports.Logins."""
        with self._database.turn:
            if _held_open(self._database, login.user_id) != password_hash:
                raise AuthenticationFailed(NO_MATCH)
            before = {each.device_id for each in self._database.logins.values() if each.user_id == login.user_id}
            known = {each for each in before if self._database.login_ends.get(each) in {None, *KEEPS_DEVICE_KNOWN}}
            if before and known_as not in known:
                kind, at = NoticeKind.NEW_DEVICE, login.created_at
                add_notice(self._database, login.user_id, None, kind, new_device(login), at)
            self._database.logins[login.device_id] = login
            if login.has_second_factor:
                self._database.codes_shown[login.device_id] = login.created_at
            self._database.refresh_tokens[token_hash] = (login.device_id, None)
            audit.append(self._database, login_entry(login))

    def is_known(self, email: str, device_id: UUID) -> bool:
        """See ports.Logins."""
        owner, login = MemoryUsers(self._database).find_login(email), self._database.logins.get(device_id)
        ended = self._database.login_ends.get(device_id)
        is_owners = owner is not None and login is not None and login.user_id == owner.user_id
        return is_owners and ended in {None, *KEEPS_DEVICE_KNOWN}

    def show_code(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.turn:
            if device_id not in {login.device_id for login in self.alive(user_id, now)}:
                raise NotFound("this login is over")
            self._database.codes_shown[device_id] = now

    def refresh(self, user_id: UUID, token_hash: bytes, successor: bytes, now: datetime) -> DeviceLogin:
        """See ports.Logins."""
        with self._database.turn:
            login = self._holder(user_id, token_hash)
            if login is None:
                raise TokenInvalid("this refresh token is not one of ours")
            used_at = self._database.refresh_tokens[token_hash][1]
            match judge_refresh(login, used_at, now):
                case Refresh.OVER:
                    raise TokenExpired("this login is over: log in again")
                case Refresh.REUSED:
                    self._end(login, LoginEnd.REUSED, now)
                    add_notice(self._database, user_id, None, NoticeKind.LOGIN_COPIED, login_copied(login), now)
                    raise TokenInvalid("this refresh token was used before; its login has been ended: log in again")
                case Refresh.TAKEN:
                    self._database.refresh_tokens[token_hash] = (login.device_id, used_at or now)
                    self._database.refresh_tokens.setdefault(successor, (login.device_id, None))
                    self._database.logins[login.device_id] = replace(login, used_at=now)
            return login

    def end_by_token(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.turn:
            login = self._holder(user_id, token_hash)
            if login is not None and login.is_alive(now):
                self._end(login, LoginEnd.LOGGED_OUT, now)

    def alive(self, user_id: UUID, now: datetime) -> Sequence[DeviceLogin]:
        """See ports.Logins."""
        found = [login for login in self._database.logins.values() if login.user_id == user_id and login.is_alive(now)]
        return sorted(found, key=lambda login: (-login.used_at.timestamp(), login.device_id))

    def end(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """See ports.Logins."""
        with self._database.turn:
            found = [login for login in self.alive(user_id, now) if login.device_id == device_id]
            if not found:
                raise NotFound("no such device is logged in")
            self._end(found[0], LoginEnd.REVOKED, now)

    def end_all(self, user_id: UUID, now: datetime) -> int:
        """See ports.Logins."""
        return self.end_for(user_id, LoginEnd.REVOKED, now)

    def change_password(
        self, user_id: UUID, device_id: UUID | None, password_hash: str, new_hash: str, now: datetime
    ) -> int:
        """See ports.Logins."""
        database = self._database
        with database.turn:
            if _held_open(database, user_id) != password_hash:
                raise AuthenticationFailed(NO_MATCH)
            database.users[user_id] = (database.users[user_id][0], new_hash)
            resets = (user_id, LinkPurpose.RESET_PASSWORD)
            for each in [each for each, found in database.email_links.items() if found[:2] == resets]:
                del database.email_links[each]
            audit.append(database, account_entry(user_id, AuditKind.PASSWORD_CHANGED, now))
            ended = self.end_for(user_id, LoginEnd.PASSWORD_RESET, now, but=device_id)
            tell_of_new_password(database, user_id, password_changed_by_old_one, now)
            return ended

    def end_for(self, user_id: UUID, why: LoginEnd, now: datetime, *, but: UUID | None = None) -> int:
        """End every login of a user for a reason, `but` one; how many there were."""
        with self._database.turn:
            found = [login for login in self.alive(user_id, now) if login.device_id != but]
            for login in found:
                self._end(login, why, now)
            return len(found)

    def _holder(self, user_id: UUID, token_hash: bytes) -> DeviceLogin | None:
        if token_hash not in self._database.refresh_tokens:
            return None
        login = self._database.logins[self._database.refresh_tokens[token_hash][0]]
        return login if login.user_id == user_id else None

    def _end(self, login: DeviceLogin, why: LoginEnd, now: datetime) -> None:
        self._database.logins[login.device_id] = replace(login, ended_at=now)
        self._database.login_ends[login.device_id] = why
        self._database.push_devices.pop(login.device_id, None)
        audit.append(self._database, login_ended_entry(login.user_id, login.device_id, why, now))


class MemorySecondFactors:
    """ports.SecondFactors in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def find(self, user_id: UUID) -> SecondFactor | None:
        """See ports.SecondFactors."""
        return self._database.second_factors.get(user_id)

    def begin(self, factor: SecondFactor) -> None:
        """See ports.SecondFactors."""
        with self._database.turn:
            refuse_deleted(self._database, factor.user_id)
            known = self.find(factor.user_id)
            if known is not None and known.is_on:
                raise Conflict("a second factor is on: take it away first")
            self._database.second_factors[factor.user_id] = factor

    def confirm(self, factor: SecondFactor, step: int, recovery: Collection[bytes], now: datetime) -> None:
        """See ports.SecondFactors."""
        user_id = factor.user_id
        with self._database.turn:
            known = self.find(user_id)
            found = (factor.sealed_secret, factor.recovery_salt)
            if known is None or known.is_on or (known.sealed_secret, known.recovery_salt) != found:
                raise Conflict("there is no second factor to confirm")
            self._database.second_factors[user_id] = replace(
                known, confirmed_at=now, last_step=step, confirmed_step=step
            )
            self._database.recovery_codes[user_id] = set(recovery)
            audit.append(self._database, second_factor_entry(user_id, AuditKind.SECOND_FACTOR_ON, now))
            add_notice(self._database, user_id, None, NoticeKind.SECOND_FACTOR_ON, SECOND_FACTOR_ON, now)

    def use_step(self, user_id: UUID, step: int) -> bool:
        """See ports.SecondFactors."""
        with self._database.turn:
            known = self.find(user_id)
            if known is None or known.last_step >= step:
                return False
            self._database.second_factors[user_id] = replace(known, last_step=step)
            return True

    def note_reuse(self, user_id: UUID, now: datetime) -> None:
        """See ports.SecondFactors."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            audit.append(self._database, second_factor_entry(user_id, AuditKind.CODE_REUSED, now))
            key = (user_id, trading_day_of(now), NoticeKind.CODE_REUSED, None, "")
            if key not in self._database.summaries:
                self._database.summaries.add(key)
                add_notice(self._database, user_id, None, NoticeKind.CODE_REUSED, CODE_REUSED, now)

    def recovery_left(self, user_id: UUID) -> int:
        """See ports.SecondFactors."""
        return len(self._database.recovery_codes.get(user_id, ()))

    def use_recovery(self, user_id: UUID, code_hash: bytes, now: datetime) -> bool:
        """See ports.SecondFactors."""
        with self._database.turn:
            codes = self._database.recovery_codes.get(user_id, set())
            if code_hash not in codes:
                return False
            codes.remove(code_hash)
            audit.append(self._database, second_factor_entry(user_id, AuditKind.RECOVERY_CODE_USED, now))
            return True

    def remove(self, user_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
        """See ports.SecondFactors."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            if forget_second_factor(self._database, user_id, now, by=str(user_id)):
                audit.append(self._database, second_factor_entry(user_id, AuditKind.SECOND_FACTOR_OFF, now))
                MemoryLogins(self._database).end_for(user_id, LoginEnd.REVOKED, now, but=but)
                add_notice(self._database, user_id, None, NoticeKind.SECOND_FACTOR_OFF, SECOND_FACTOR_OFF, now)


def forget_second_factor(database: MemoryDatabase, user_id: UUID, now: datetime, *, by: str) -> bool:
    """As `adapters.postgres.second_factors.forget_second_factor`."""
    for role in sorted(database.roles.pop(user_id, ())):
        audit.append(database, staff_deed_entry(user_id, AuditKind.ROLE_WITHDRAWN, now, by=by, role=role))
    database.recovery_codes.pop(user_id, None)
    return database.second_factors.pop(user_id, None) is not None


class MemoryBrokerAccounts:
    """ports.BrokerAccounts in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def save(self, account: SealedBrokerAccount, *, over: SealedBrokerAccount | None = None) -> None:
        """See ports.BrokerAccounts."""
        with self._database.turn:
            if _held_open(self._database, account.user_id) is None:
                raise TokenInvalid(ACCOUNT_IS_GONE)
            account_of(self._database, account.user_id, account.account_id)
            there = self._database.broker_accounts.get(account.account_id)
            # What is sealed here looks the same each time, as it never does: a login tells two savings apart, too.
            kept = None if there is None else (there.api_key, there.access_token, there.updated_at)
            if over is not None and kept != (over.api_key, over.access_token, over.updated_at):
                raise TokenInvalid(CONNECTION_CHANGED)
            others = [a for a in self._database.broker_accounts.values() if a.account_id != account.account_id]
            if account.places_orders and any(_is_same(account, other) for other in others):
                raise BrokerAccountTaken
            before = self.find(account.user_id, account.account_id)
            # As the trigger of migration 0027 does.
            is_same = before is not None and before.token_at == account.token_at
            refused_at = before.refused_at if before is not None and is_same else None
            self._database.broker_accounts[account.account_id] = replace(account, refused_at=refused_at)
            self._database.postback_ids.setdefault(account.account_id, uuid4())
            audit.append(self._database, broker_entry(account, before=before.broker_user_id if before else None))

    def find(self, user_id: UUID, account_id: UUID | None = None) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        if account_id is None and user_id in self._database.users:
            account_id = account_of(self._database, user_id, None).account_id
        account = None if account_id is None else self._database.broker_accounts.get(account_id)
        if account is None or account.user_id != user_id:
            return None
        return replace(account, egress=self._held_route(user_id))

    def mark_refused(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        self._mark(user_id, account_id, AuditKind.BROKER_TOKEN_REFUSED, token_at, now)

    def mark_taken(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        self._mark(user_id, account_id, AuditKind.BROKER_TOKEN_TAKEN, token_at, now)

    def _mark(self, user_id: UUID, account_id: UUID, kind: AuditKind, token_at: datetime, now: datetime) -> None:
        is_refused = kind is AuditKind.BROKER_TOKEN_REFUSED
        with self._database.turn:
            account = self._database.broker_accounts.get(account_id)
            if account is None or account.user_id != user_id or account.token_at != token_at:
                return
            if is_refused is not (account.refused_at is None):
                return
            self._database.broker_accounts[account_id] = replace(account, refused_at=now if is_refused else None)
            token = {
                "account_id": account_id,
                "broker": account.broker,
                "broker_user_id": account.broker_user_id,
                "token_at": token_at,
            }
            audit.append(self._database, token_entry(user_id, kind, token, now))
            if is_refused:
                self._tell_refused(user_id, account_id, token_at, now)

    def _tell_refused(self, user_id: UUID, account_id: UUID, token_at: datetime, now: datetime) -> None:
        database = self._database
        of_account = [s for s in database.strategies.values() if s.account_id == account_id]
        running = [s for s in of_account if s.is_running and s.strategy_id not in database.deleted]
        unsettled = [c for c in database.cycles.values() if c.account_id == account_id and not c.is_settled]
        about = told_of_refusal(account_id, token_at)
        key = (user_id, trading_day_of(token_at), NoticeKind.LOGIN_REFUSED, None, about)
        if (running or unsettled) and key not in database.summaries:
            database.summaries.add(key)
            held = accounts_of(database, user_id)
            name = next(each.name for each in held if each.account_id == account_id) if len(held) > 1 else None
            add_notice(database, user_id, None, NoticeKind.LOGIN_REFUSED, login_refused(name, now), now)

    def last_connected(self, user_id: UUID, account_id: UUID) -> str | None:
        """See ports.BrokerAccounts."""
        of_user = [entry for entry in self._database.audit if entry.user_id == user_id]
        connected = [
            entry
            for entry in of_user
            if entry.kind is AuditKind.BROKER_CONNECTED and entry.data["account_id"] == account_id
        ]
        return str(connected[-1].data["broker_user_id"]) if connected else None

    def is_trading(self, user_id: UUID, account_id: UUID, now: datetime) -> bool:
        """See ports.BrokerAccounts."""
        return is_trading(self._database, user_id, account_id, now)

    def remove(self, user_id: UUID, account_id: UUID | None = None, *, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            removed = self.find(user_id, account_id)
            if removed is not None:
                if is_trading(self._database, user_id, removed.account_id, now):
                    raise still_trading(NOT_SOLD)
                del self._database.broker_accounts[removed.account_id]
                self._database.postback_ids.pop(removed.account_id, None)
                entry = disconnected_entry(user_id, removed.account_id, removed.broker, removed.broker_user_id, now)
                audit.append(self._database, entry)

    def find_by_email(self, email: str) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        login = MemoryUsers(self._database).find_login(email)
        return None if login is None else self.find(login.user_id, first_account_of(login.user_id))

    def with_login(self, user_ids: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """See ports.BrokerAccounts."""
        held = [each for each in self._database.broker_accounts.values() if each.access_token is not None]
        return sorted(
            ((each.user_id, each.account_id) for each in held if each.user_id in user_ids), key=lambda p: p[1]
        )

    def postback_id(self, user_id: UUID, account_id: UUID | None = None) -> UUID | None:
        """See ports.BrokerAccounts."""
        account = self.find(user_id, account_id)
        return None if account is None else self._database.postback_ids.get(account.account_id)

    def find_by_postback(self, postback_id: UUID) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        known = {its_id: account_id for account_id, its_id in self._database.postback_ids.items()}
        account = self._database.broker_accounts.get(known[postback_id]) if postback_id in known else None
        return None if account is None else self.find(account.user_id, account.account_id)

    def claim_egress(self, user_id: UUID) -> EgressRoute | None:
        """See ports.BrokerAccounts."""
        database = self._database
        with database.turn:
            refuse_deleted(self._database, user_id)
            if user_id not in database.egress_holders:
                mail = database.users[user_id][0].email.lower()
                held = set(database.egress_holders.values())
                routes = [(name, members) for name, (_, members) in sorted(database.egress_routes.items())]
                deployed = [(name, members) for name, members in routes if name in database.deployed_routes]
                family = [n for n, members in deployed if mail in members and n not in database.exclusive_routes]
                free = [name for name, members in deployed if not members and name not in held]
                if family or free:
                    name = (family or free)[0]
                    database.egress_holders[user_id] = name
                    if not family:
                        database.exclusive_routes.add(name)
            return self._held_route(user_id)

    def free_egress(self, user_id: UUID, *, by: str, now: datetime) -> EgressRoute:
        """See ports.BrokerAccounts."""
        with self._database.turn:
            route = self._held_route(user_id)
            if route is None:
                raise NotFound("this user holds no pair of addresses")
            if any(account.user_id == user_id for account in self._database.broker_accounts.values()):
                raise Conflict("a broker is connected: the user disconnects it first, or deletes the account")
            del self._database.egress_holders[user_id]
            self._database.exclusive_routes.discard(route.name)
            audit.append(self._database, freed_entry(user_id, route, by, now))
        return route

    def _held_route(self, user_id: UUID) -> EgressRoute | None:
        name = self._database.egress_holders.get(user_id)
        return None if name is None else self._database.egress_routes[name][0]


def is_trading(database: MemoryDatabase, user_id: UUID, account_id: UUID | None, now: datetime) -> bool:
    """As `adapters.postgres.at_stake.is_trading`."""
    present = [s for s in database.strategies.values() if s.strategy_id not in database.deleted]
    running = [strategy for strategy in present if strategy.is_running]
    today = trading_day_of(now)
    held = [
        cycle
        for cycle in database.cycles.values()
        if not cycle.is_settled or (cycle.has_absent_order and cycle.trading_day == today)
    ]
    at_stake = [(s.user_id, s.account_id) for s in running] + [(c.user_id, c.account_id) for c in held]
    return any(owner == user_id and account_id in {None, account} for owner, account in at_stake)


def _is_same(account: SealedBrokerAccount, other: SealedBrokerAccount) -> bool:
    its, theirs = (account.broker, account.broker_user_id), (other.broker, other.broker_user_id)
    return other.places_orders and account.broker_user_id is not None and its == theirs


def _held_open(database: MemoryDatabase, user_id: UUID) -> str | None:
    """The password hash of an account into which somebody may get; None: there is none any more."""
    if user_id in database.closed or user_id not in database.users:
        return None
    if user_id in database.locked:
        raise AccountLocked(LOCKED)
    return database.users[user_id][1]
