"""The API's functions as they are deployed: their handlers, their environment, the stores behind them."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from tests.http_events import http_event

LAMBDAS = Path(__file__).parents[3] / "lambdas"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Handlers, with the AWS clients that look behind them."""

    handlers: dict[str, ModuleType]
    sqs: Any
    scheduler: Any
    queue_urls: dict[str, str]

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        token: str | None = None,
        query: dict[str, str] | None = None,
        *,
        key: str | None = None,
        account: str | None = None,
    ) -> tuple[int, Any]:
        """Ask as API Gateway does: the authorizer first, then the route's function."""
        full_path = f"/api/v1{path}"
        route = self.route_of(method, full_path)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        if key is not None:
            headers["idempotency-key"] = key
        if account is not None:
            headers["x-account"] = account
        text = None if body is None else json.dumps(body)
        event = http_event(method, full_path, body=text, headers=headers, query=query)
        event["routeKey"] = f"{route.method} {route.path}"
        context = SimpleNamespace(aws_request_id="integration")
        if not route.is_open:
            verdict = self.handlers["authorizer"].lambda_handler(event, context)
            event["requestContext"]["authorizer"] = {"lambda": verdict["context"]}
        response = self.handlers[route.function].lambda_handler(event, context)
        return response["statusCode"], json.loads(response["body"])

    def operate(self, action: dict[str, Any]) -> dict[str, Any]:
        """An action of the operator, who invokes the function."""
        answer: dict[str, Any] = self.handlers["operator"].lambda_handler(action, None)
        return answer

    def route_of(self, method: str, full_path: str) -> ApiRoute:
        """The route that API Gateway finds for a request."""
        return next(route for route in API_ROUTES if route.method == method and route.matches(full_path))

    def work_off(self, queue: str, function: str) -> list[dict[str, Any]]:
        """Have a function take what waits in a queue, as its event source does; what it answered."""
        answers = []
        url = self.queue_urls[queue]
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages"):
            [message] = messages
            record = {"messageId": message["MessageId"], "body": message["Body"]}
            answers.append(self.handlers[function].lambda_handler({"Records": [record]}, None))
            if not answers[-1]["batchItemFailures"]:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return answers

    def schedules(self) -> dict[str, str]:
        """Name and expression of every schedule."""
        listed = self.scheduler.list_schedules()["Schedules"]
        found = [self.scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"]) for each in listed]
        return {each["Name"]: each["ScheduleExpression"] for each in found}

    def messages(self, queue: str) -> list[dict[str, Any]]:
        """What waits in a queue."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_urls[queue], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def load_handler(function: str) -> ModuleType:
    """The function's handler module, imported anew."""
    spec = importlib.util.spec_from_file_location(f"{function}_handler", LAMBDAS / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
