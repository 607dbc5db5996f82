"""The refusals of the Kite protocol: error type, HTTP status and wording (Kite Connect documentation, exceptions)."""

from typing import Any


class KiteError(Exception):
    """A request refused at the API, before anything reached the order book."""

    def __init__(self, status: int, error_type: str, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message
        self.data = data


def input_error(message: str) -> KiteError:
    """Missing or malformed parameters."""
    return KiteError(400, "InputException", message)


def order_error(message: str) -> KiteError:
    """An order that cannot be placed, changed or found."""
    return KiteError(400, "OrderException", message)


def margin_error(message: str) -> KiteError:
    """Not enough funds."""
    return KiteError(400, "MarginException", message)


def token_error(message: str = "Incorrect `api_key` or `access_token`.") -> KiteError:
    """A missing, expired or killed access token."""
    return KiteError(403, "TokenException", message)


def permission_error(message: str) -> KiteError:
    """A call that this app or this address may not make."""
    return KiteError(403, "PermissionException", message)


def too_many_requests() -> KiteError:
    """A rate limit was exceeded."""
    return KiteError(429, "NetworkException", "Too many requests")
