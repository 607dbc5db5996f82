"""The door of lambdas/operator: one action in, one answer out, and what went wrong in the API's one shape of errors.

It has no route: whoever may invoke the function (IAM) is the operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from algotrading.adapters.postgres.over import Forgotten
from algotrading.contracts.api_common import Answer
from algotrading.contracts.operator import (
    AuditReport,
    ChainFlaw,
    ClearSecondFactorAction,
    ForgetOverAction,
    ForgottenRows,
    FreedPair,
    FreePairAction,
    GrantRoleAction,
    KillAction,
    OperatorAction,
    OperatorStatus,
    ReleaseAction,
    RoleReport,
    SecondFactorCleared,
    StatusAction,
    VerifyAuditAction,
    WithdrawRoleAction,
    keep_heads,
    known_heads,
)
from algotrading.contracts.problems import field_problems
from algotrading.domain.audit_chain import ChainBreak
from algotrading.domain.errors import AlgotradingError, RequestInvalid
from algotrading.domain.roles import Role
from algotrading.services.address_pairs import AddressPairs
from algotrading.services.audit_verify import AuditVerifier
from algotrading.services.operate import DeploymentStatus, Operator, RoleKeeper, SecondFactorClearer

logger = logging.getLogger(__name__)

_ACTIONS: TypeAdapter[OperatorAction] = TypeAdapter(OperatorAction)
_SHOWN_BREAKS = 50
_OF_THE_CLOCK = "forget_over"
"""Nobody reads its answer: the function fails, so that it is asked again, and what never comes through rings."""


@dataclass(frozen=True, slots=True)
class OperatorDoor:
    """What it needs is asked for at each action; the first asking may build it."""

    operator: Callable[[], Operator]
    verifier: Callable[[], AuditVerifier]
    roles: Callable[[], RoleKeeper]
    clearer: Callable[[], SecondFactorClearer]
    pairs: Callable[[], AddressPairs]
    forget_over: Callable[[], Forgotten]

    def handle(self, event: Any) -> dict[str, Any]:
        """Carry one action out. An answer with `error` stored nothing, but for a database that broke off while it
        committed (DATABASE_UNAVAILABLE): every action can be repeated, and `status` tells."""
        try:
            action = _read(event)
            logger.warning("operator: %s", action.action, extra={"event_type": action.action, "by": _who(action)})
            return self._carry_out(action)
        except AlgotradingError as error:
            if isinstance(event, dict) and event.get("action") == _OF_THE_CLOCK:
                raise
            details = [{"field": one.field, "problem": one.problem} for one in error.details]
            return {"error": error.code, "message": error.message, "details": details}

    def _carry_out(self, action: OperatorAction) -> dict[str, Any]:
        answer: Answer
        match action:
            case KillAction(by=by, reason=reason):
                answer = _status(self.operator().kill(by=by, reason=reason))
            case ReleaseAction(by=by):
                answer = _status(self.operator().release(by=by))
            case StatusAction():
                answer = _status(self.operator().status())
            case VerifyAuditAction():
                answer = self._verify(action)
            case ForgetOverAction():
                answer = ForgottenRows(**asdict(self.forget_over()))
            case GrantRoleAction(email=email, role=role, by=by):
                user_id = self.roles().grant(email, Role(role), by=by)
                answer = RoleReport(user_id=user_id, role=role, status="granted")
            case WithdrawRoleAction(email=email, role=role, by=by):
                user_id = self.roles().withdraw(email, Role(role), by=by)
                answer = RoleReport(user_id=user_id, role=role, status="withdrawn")
            case ClearSecondFactorAction(email=email, by=by, reason=reason):
                user_id, ended = self.clearer().clear(email, by=by, reason=reason)
                answer = SecondFactorCleared(user_id=user_id, ended=ended)
            case FreePairAction(by=by, user_id=user_id):
                freed = self.pairs().free(user_id, by=by)
                answer = FreedPair(pair=freed.name, addresses=list(freed.addresses))
        return answer.model_dump(mode="json")

    def _verify(self, action: VerifyAuditAction) -> AuditReport:
        shown: list[ChainBreak] = []
        verified = self.verifier().run(
            lambda found: shown.append(found) if len(shown) < _SHOWN_BREAKS else None, known=known_heads(action.heads)
        )
        return AuditReport(
            is_sound=verified.is_sound,
            chains=verified.chains,
            records=verified.records,
            breaks=verified.breaks,
            first_breaks=[
                ChainFlaw(user_id=str(one.user_id), seq=one.seq, flaw=one.flaw, text=one.text) for one in shown
            ],
            heads=keep_heads(verified.heads) if action.return_heads and verified.is_sound else None,
        )


def _read(event: Any) -> OperatorAction:
    try:
        return _ACTIONS.validate_python(event)
    except ValidationError as error:
        problems = field_problems(error.errors(include_url=False, include_input=False))
        actions = 'an action is {"action": "kill", "by": ..., "reason": ...}, {"action": "release", "by": ...}, '
        actions += '{"action": "status"}, {"action": "verify_audit"}, {"action": "forget_over"}, '
        actions += (
            '{"action": "grant_role" or "withdraw_role", "email": ..., "role": "support" or "admin", "by": ...}, '
        )
        actions += '{"action": "clear_second_factor", "email": ..., "by": ..., "reason": ...}, '
        actions += '{"action": "free_pair", "by": ..., "user_id": ...}'
        raise RequestInvalid(f"this is no action of an operator: {actions}", problems) from error


def _who(action: OperatorAction) -> str | None:
    return None if isinstance(action, StatusAction | VerifyAuditAction | ForgetOverAction) else action.by


def _status(status: DeploymentStatus) -> OperatorStatus:
    lock = status.lock
    return OperatorStatus(
        is_locked=lock is not None,
        since=None if lock is None else lock.since,
        by=None if lock is None else lock.by,
        reason=None if lock is None else lock.reason,
        open_cycles=status.open_cycles,
        unproven_users=status.unproven_users,
    )
