"""Routes of the deployment's staff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from algotrading.contracts.api_admin import (
    BrokerAccountStateView,
    BrokerStateView,
    ConfirmedRequest,
    DeploymentKillRequest,
    DeploymentSwitchAnswer,
    HealthView,
    LockUserRequest,
    QueueView,
    RoleRequest,
    StoreView,
    UserDoneAnswer,
    UserStateView,
    UsersView,
    UserView,
    WatchersView,
)
from algotrading.contracts.api_common import Storable
from algotrading.contracts.api_risk import LockView
from algotrading.domain.administration import AccountState, UserSummary
from algotrading.domain.errors import (
    AlgotradingError,
    AuthenticationFailed,
    Conflict,
    NotFound,
    RequestInvalid,
    TooManyTries,
)
from algotrading.domain.limits import Lock
from algotrading.domain.roles import Role
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import admitted, new_router
from algotrading.services.administration import PAGE, Administrators
from algotrading.services.health import Health, HealthReader, Part
from algotrading.services.operate import DeploymentStatus, Operator

_ADMINISTRATOR = "an administrator"
"""Who everybody is told has stopped trading. Which one is in the deployment's audit trail, just before."""
_PART = Query(min_length=1, max_length=100, description="A part of the e-mail, in whatever case")
_DEED = (RequestInvalid, AuthenticationFailed, TooManyTries)


@dataclass(frozen=True, slots=True)
class AdminServices:
    """What these routes need."""

    administrators: Administrators
    operator: Operator
    health: HealthReader


class AdminRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], AdminServices]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router, base = new_router(), "/api/v1/admin"
        user = f"{base}/users/<id>"
        router.get(f"{base}/users", **_route("Users", "A page of them", RequestInvalid))(self.show_users)
        router.get(user, **_route("How an account stands", "Its state", NotFound))(self.show_user)
        router.post(f"{user}/lock", **_route("Lock an account", "Nobody gets in", *_DEED, NotFound, Conflict))(
            self.lock
        )
        router.post(f"{user}/unlock", **_route("Unlock an account", "Its owner may log in", *_DEED, NotFound))(
            self.unlock
        )
        router.post(f"{user}/roles", **_route("Grant a role", "The user has it", *_DEED, NotFound, Conflict))(
            self.grant
        )
        router.post(
            f"{user}/roles/withdraw",
            **_route("Withdraw a role", "The user has it no more", *_DEED, NotFound, Conflict),
        )(self.withdraw)
        router.get(f"{base}/health", **_route("Health of the deployment", "What each part answered"))(self.show_health)
        router.post(
            f"{base}/kill", **_route("Stop everybody's trading", "No entry of anybody leaves any more", *_DEED)
        )(self.kill)
        router.post(f"{base}/release", **_route("Let trading go on", "The switch is off", *_DEED, Conflict))(
            self.release
        )
        return router

    def show_users(
        self,
        query: Annotated[
            str | None, Query(min_length=1, max_length=100, description="A part of the e-mail"), Storable
        ] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
        cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before")] = None,
    ) -> UsersView:
        """Users, the newest first; deleted accounts are not among them."""
        users, following = self._services().administrators.users(query=query, limit=limit, cursor=cursor)
        return UsersView(users=[UserView(**_user(each)) for each in users], next_cursor=following)

    def show_user(self, request: Request, id: UUID) -> UserStateView:
        """How one account stands: no secret, no order, no plan. The look is written down in its audit trail."""
        who = admitted(request)
        services = self._services().administrators
        state = services.state(id, by=who.user_id, role=who.role, door="GET /api/v1/admin/users/{id}")
        return _state(state, connected_at=services.clock.now())

    def lock(self, request: Request, id: UUID, body: LockUserRequest) -> UserDoneAnswer:
        """Let nobody in to an account, from the next request on: every login ends, and bearer tokens that are out open
        nothing. What runs goes on, stops too: the kill switch stops trading, not this."""
        by = self._confirmed(request, body.code)
        self._services().administrators.lock(id, by=by, reason=body.reason)
        return UserDoneAnswer(user_id=id, status="locked")

    def unlock(self, request: Request, id: UUID, body: ConfirmedRequest) -> UserDoneAnswer:
        """Let its owner log in again. Logins that ended stay so."""
        self._services().administrators.unlock(id, by=self._confirmed(request, body.code))
        return UserDoneAnswer(user_id=id, status="unlocked")

    def grant(self, request: Request, id: UUID, body: RoleRequest) -> UserDoneAnswer:
        """Make somebody support or administrator, who has confirmed the e-mail and has a second factor on. It opens
        doors from their next login with a code on."""
        by = self._confirmed(request, body.code)
        self._services().administrators.grant(id, Role(body.role), by=by)
        return UserDoneAnswer(user_id=id, status="granted")

    def withdraw(self, request: Request, id: UUID, body: RoleRequest) -> UserDoneAnswer:
        """Take a role back, from the user's next request on; not one's own, so that nobody loses it by a slip. That an
        administrator is left, nothing promises: where none is, the operator of the deployment makes one."""
        by = self._confirmed(request, body.code)
        self._services().administrators.withdraw(id, Role(body.role), by=by)
        return UserDoneAnswer(user_id=id, status="withdrawn")

    def show_health(self) -> HealthView:
        """Asks PostgreSQL, Redis and SQS once each, and reads what the watchers last reported."""
        return _health(self._services().health.read())

    def kill(self, request: Request, body: DeploymentKillRequest) -> DeploymentSwitchAnswer:
        """Stop every entry of everybody and have everything sold. The switch is stored first; the answer comes when no
        entry can leave any more, after 1.25 s and the time that asking for every sale takes. An answer that does not
        come changes nothing of it: ask again, or look at the health."""
        self._confirmed(request, body.code)
        return _switch(self._services().operator.kill(by=_ADMINISTRATOR, reason=body.reason))

    def release(self, request: Request, body: ConfirmedRequest) -> DeploymentSwitchAnswer:
        """Let running strategies buy again from their next buy time on; refused while a cycle of anybody is not
        settled. Users' own switches stay as they are."""
        self._confirmed(request, body.code)
        return _switch(self._services().operator.release(by=_ADMINISTRATOR))

    def _confirmed(self, request: Request, code: str) -> UUID:
        """Who asks, and has shown a code."""
        user_id = admitted(request).user_id
        self._services().administrators.confirm(user_id, code)
        return user_id


def _route(summary: str, success: str, *errors: type[AlgotradingError]) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": ["Administration"],
        "security": BEARER,
        "responses": answers(success, *errors),
    }


def _user(user: UserSummary) -> dict[str, Any]:
    return {
        "user_id": user.user_id,
        "email": user.email,
        "email_verified": user.is_email_verified,
        "created_at": user.created_at,
        "locked_at": user.locked_at,
        "roles": [role.value for role in user.roles],
    }


def _state(state: AccountState, *, connected_at: Any) -> UserStateView:
    brokers = [
        BrokerAccountStateView(
            account_id=each.account_id,
            is_default=each.is_default,
            broker=each.broker,
            broker_user_id=each.broker_user_id,
            connected_until=each.connected_until(connected_at),
        )
        for each in state.brokers
    ]
    of_default = next((each for each in brokers if each.is_default), None)
    return UserStateView(
        **_user(state.user),
        lock_reason=state.lock_reason,
        second_factor=state.has_second_factor,
        logins=state.logins,
        last_login_at=state.last_login_at,
        viewers=state.viewers,
        broker=None if of_default is None else _without_account(of_default),
        brokers=brokers,
        strategies=state.strategies,
        running_strategies=state.running_strategies,
        open_cycles=state.open_cycles,
        kill_switch_since=state.kill_switch_since,
        waiting_notices=state.waiting_notices,
    )


def _without_account(view: BrokerAccountStateView) -> BrokerStateView:
    return BrokerStateView(broker=view.broker, broker_user_id=view.broker_user_id, connected_until=view.connected_until)


def _switch(status: DeploymentStatus) -> DeploymentSwitchAnswer:
    return DeploymentSwitchAnswer(
        is_locked=status.lock is not None,
        lock=_lock(status.lock),
        open_cycles=status.open_cycles,
        unproven_users=status.unproven_users,
    )


def _health(health: Health) -> HealthView:
    pulse, sight = health.pulse, health.sight
    queues = None
    if health.queues is not None:
        queues = [QueueView(name=one.name, waiting=one.waiting, in_flight=one.in_flight) for one in health.queues]
    return HealthView(
        as_of=health.as_of,
        database=_store(health.database),
        redis=_store(health.redis),
        watchers=WatchersView(is_seeing=health.is_watched, last_report_at=None if sight is None else sight.at),
        queues=queues,
        lock=None if pulse is None else _lock(pulse.lock),
        users=None if pulse is None else pulse.users,
        running_strategies=None if pulse is None else pulse.running_strategies,
        open_cycles=None if pulse is None else pulse.open_cycles,
        waiting_notices=None if pulse is None else pulse.waiting_notices,
        oldest_notice_at=None if pulse is None else pulse.oldest_notice_at,
    )


def _store(part: Part) -> StoreView:
    return StoreView(is_up=part.is_up, milliseconds=round(part.took / timedelta(milliseconds=1), 3))


def _lock(lock: Lock | None) -> LockView | None:
    return None if lock is None else LockView(since=lock.since, by=lock.by, reason=lock.reason)
