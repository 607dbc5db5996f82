"""What is answered: every error in one shape, those of our own without their words."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from algotrading.domain.errors import AlgotradingError, DatabaseUnavailable, KeyInUse, RateLimited, TooManyTries
from algotrading.entrypoints.http_rates import rate_headers

logger = logging.getLogger(__name__)

JSON = "application/json"


def error_response(error: AlgotradingError, request_id: str) -> Response[str]:
    """The one shape of errors. Faults of our own are logged and told without their words."""
    if error.code in {"INTERNAL", "DATABASE_UNAVAILABLE"}:
        logger.error("request %s failed", request_id, exc_info=error)
        return failure_response(request_id, error)
    details = [{"field": detail.field, "problem": detail.problem} for detail in error.details]
    response = _json_response(error.status, {"error": error.code, "message": error.message, "details": details})
    if isinstance(error, TooManyTries | KeyInUse | RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RateLimited):
        response.headers.update(rate_headers(error.spent))
    return response


def failure_response(request_id: str, error: AlgotradingError | None = None) -> Response[str]:
    """What is told of a fault of our own."""
    message = f"something went wrong on our side; mention request {request_id} when you report it"
    if isinstance(error, DatabaseUnavailable):
        message = f"our database did not carry this through: look whether it was done before you try again; {message}"
    status, code = (AlgotradingError.status, AlgotradingError.code) if error is None else (error.status, error.code)
    return _json_response(status, {"error": code, "message": message, "details": []})


def _json_response(status: int, body: dict[str, Any]) -> Response[str]:
    return Response(status_code=status, content_type=JSON, body=json.dumps(body))


def as_event_answer(response: Response[str]) -> dict[str, Any]:
    """As API Gateway takes it, payload version 2.0."""
    return {
        "statusCode": response.status_code,
        "headers": {"Content-Type": response.content_type, **response.headers},
        "body": response.body,
        "isBase64Encoded": False,
        "cookies": [],
    }


def is_json(answer: Mapping[str, Any]) -> bool:
    """Whether what API Gateway is given is JSON, and no page."""
    return str(answer.get("headers", {}).get("Content-Type", JSON)).startswith(JSON)
