"""What owners are told: the closed set of kinds. docs/notifications.md says of each when, in which words, and what is
proven when it is said."""

from __future__ import annotations

from enum import StrEnum


class NoticeKind(StrEnum):
    """Stable names, for programs that filter notices."""

    BUY_ACCEPTED = "buy_accepted"
    PARTLY_BOUGHT = "partly_bought"
    BOUGHT = "bought"
    SELL_ACCEPTED = "sell_accepted"
    PARTLY_SOLD = "partly_sold"
    SOLD_SO_FAR = "sold_so_far"
    """All that was held is sold, and its buy has not ended."""
    SOLD = "sold"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_NOT_PLACED = "order_not_placed"

    ENTRY_MISSED = "entry_missed"
    ENTRY_SKIPPED = "entry_skipped"
    ENTRY_BLOCKED = "entry_blocked"
    ENTRY_REFUSED = "entry_refused"
    ENTRY_UNFILLED = "entry_unfilled"

    EXIT_BLOCKED = "exit_blocked"
    EXIT_REFUSED = "exit_refused"
    EXIT_UNFILLED = "exit_unfilled"
    STOP_NOT_RESTING = "stop_not_resting"

    CLOSED_OUTSIDE = "closed_outside"
    LATE_ORDER = "late_order"
    OVERSOLD = "oversold"
    DUPLICATE_ORDER = "duplicate_order"
    UNSETTLED = "unsettled"
    OPEN_AT_CLOSE = "open_at_close"
    SNAPSHOT_MISSING = "snapshot_missing"

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name, no password
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    API_KEY_MADE = "api_key_made"
    VIEWER_JOINED = "viewer_joined"
    CHANNEL_SET = "channel_set"
    """Notices go to a webhook, a chat or a number from now on that they did not go to before."""
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_UNLOCKED = "account_unlocked"
    LOGINS_HELD_UP = "logins_held_up"
    """Somebody guesses at the password, and has to wait longer and longer between tries."""
    NEW_DEVICE = "new_device"
    """A login began on a device that was not seen before."""
    CODE_REUSED = "code_reused"
    """Digits of the second factor came a second time."""
    LOGIN_COPIED = "login_copied"
    """A refresh token came again after its use: somebody holds a copy."""

    NOT_READY = "not_ready"
    """Before the open: something keeps strategies of the day from buying or selling."""
    LOGIN_REFUSED = "login_refused"
    """The broker takes an access token no more, before its time."""
    DAILY_SUMMARY = "daily_summary"

    LOSS_LIMIT = "loss_limit"
    KILLED = "killed"
    RELEASED = "released"
    VERIFIED_FLAT = "verified_flat"
    NOTHING_PLACED = "nothing_placed"
    DEPLOYMENT_KILLED = "deployment_killed"
    DEPLOYMENT_RELEASED = "deployment_released"
