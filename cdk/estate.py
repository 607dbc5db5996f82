"""The stacks of one environment, and what each needs of the others."""

from __future__ import annotations

from typing import Any

from aws_cdk import App, Tags
from aws_cdk import Environment as Target

from cdk.acknowledge import acknowledge_helpers
from cdk.environments import REGION, Environment
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.listener import ListenerStack
from cdk.stacks.messages import MessagesStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.observability import ObservabilityStack
from cdk.stacks.trading import TradingStack
from cdk.stacks.web import WebStack


def add_stacks(app: App, environment: Environment) -> None:
    """Add every stack of `environment` to `app`.

    Construct ids are the same in every environment; what differs is in the table.
    """

    def common(name: str, *, holds_data: bool = False) -> dict[str, Any]:
        return {
            "stack_name": f"algotrading-{environment.stage}-{name}",
            # The region is fixed, the account is that of whoever deploys: nothing is looked up.
            "env": Target(region=REGION),
            "termination_protection": environment.protected and holds_data,
        }

    network = NetworkStack(app, "network", environment=environment, **common("network", holds_data=True))
    data = DataStack(app, "data", environment=environment, network=network, **common("data", holds_data=True))
    trading = TradingStack(app, "trading", environment=environment, network=network, data=data, **common("trading"))
    web = WebStack(app, "web", environment=environment, **common("web"))
    messages = MessagesStack(
        app,
        "messages",
        environment=environment,
        network=network,
        powers=trading.powers,
        app_url=web.url,
        **common("messages"),
    )
    api = ApiStack(
        app,
        "api",
        environment=environment,
        network=network,
        powers=messages.powers,
        operations=trading.operations,
        app_url=web.url,
        **common("api"),
    )
    listener = ListenerStack(
        app, "listener", environment=environment, network=network, powers=trading.powers, **common("listener")
    )
    observability = ObservabilityStack(
        app,
        "observability",
        environment=environment,
        dead_letters={**trading.dead_letters, **messages.dead_letters},
        lanes={"Orders": trading.orders.queue, "PriorityOrders": trading.priority.queue},
        converge=trading.converge,
        rotate=data.rotate,
        database=data.database.instance.instance_identifier,
        runtime_store=data.runtime_store.group.ref,
        api=api.api.api_id,
        **common("observability"),
    )
    # It archives the logs of every other.
    observability.add_stack_dependency(listener)
    acknowledge_helpers(app)
    Tags.of(app).add("project", "algotrading")
    Tags.of(app).add("environment", environment.stage)
