"""What reaches people outside of the app. Nothing that trades waits for anything here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.work_queue import WorkQueue
from cdk.environments import Environment
from cdk.stacks.network import NetworkStack

_FEW: Final = 2
"""The least that an event source takes as its limit: workers hold database connections, and mails are not urgent."""


class MessagesStack(Stack):
    """The mails of accounts: their queue, and who sends them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        network: NetworkStack,
        powers: Powers,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        self.mails = WorkQueue(
            self,
            "Mails",
            name=f"algotrading-{environment.stage}-mails",
            visibility_seconds=120,
            max_receive_count=10,
        )
        sender = ses.EmailIdentity(self, "Sender", identity=ses.Identity.email(environment.mail_sender))
        self.powers = replace(
            powers,
            mails=self.mails.queue,
            mail_identity=sender,
            values={**powers.values, "MAIL_QUEUE_URL": self.mails.queue.queue_url},
        )
        self.mails.deliver_to(self._functions.add("mailer", self.powers), max_concurrency=_FEW)

    @property
    def dead_letters(self) -> dict[str, sqs.IQueue]:
        """Queues that must stay empty."""
        return {"Mails": self.mails.dead_letters}
