"""Every entry point starts on what its template gives it."""

from __future__ import annotations

import json

import pytest

from algotrading.settings import ListenerSettings, Settings
from cdk.environments import Environment
from cdk.functions import FUNCTIONS
from cdk.variables import VariableMissing, variables_for
from tests.infrastructure.templates import Estate

_LAMBDA_LIMIT_BYTES = 4096
_QUEUES = ("ORDERS_QUEUE_URL", "PRIORITY_QUEUE_URL")


def _names(estate: Estate) -> set[str]:
    return {function.body["Metadata"]["aws:asset:path"].rsplit("/", 1)[1] for function in estate.functions()}


def test_every_function_of_the_table_is_deployed(estate: Estate, environment: Environment) -> None:
    only_in_dev = {"docs": environment.docs}

    assert _names(estate) == {name for name in FUNCTIONS if only_in_dev.get(name, True)}


def test_every_function_starts_on_its_variables(estate: Estate, environment: Environment) -> None:
    started = {name: FUNCTIONS[name].settings.load(estate.variables(estate.function(name))) for name in _names(estate)}

    assert {settings.stage for settings in started.values()} == {environment.stage}


def test_no_function_relies_on_a_default_that_its_template_does_not_show(estate: Estate) -> None:
    hidden = {
        name: set(FUNCTIONS[name].settings.environment_names()) - set(estate.variables(estate.function(name)))
        for name in _names(estate)
    }

    assert not any(hidden.values()), hidden


def test_variables_fit_into_what_lambda_takes(estate: Estate) -> None:
    sizes = {name: len(json.dumps(estate.variables(estate.function(name)))) for name in _names(estate)}

    assert max(sizes.values()) < _LAMBDA_LIMIT_BYTES, sizes


def test_the_listener_starts_on_its_variables(estate: Estate, environment: Environment) -> None:
    task = estate.resources("AWS::ECS::TaskDefinition")[0]
    (container,) = task.properties["ContainerDefinitions"]
    variables = {each["Name"]: estate.text(task.stack, each["Value"]) for each in container["Environment"]}

    # Where a template refers to a queue, `text` has its path, and AWS its URL.
    queues = {name: f"https://sqs.ap-south-1.amazonaws.com/{variables[name]}" for name in _QUEUES}
    settings = ListenerSettings.load(variables | queues)

    assert settings.stage == environment.stage
    assert settings.feed_account_email == tuple(account.email for account in environment.feed_accounts)
    assert settings.order_update_sockets == environment.order_update_sockets
    assert _login(variables).startswith("system_role by ")
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "ap-south-1"


def _login(variables: dict[str, str]) -> str:
    """The database user, and how it logs in."""
    secret = variables.get("DATABASE_SECRET_ARN", "").removeprefix("data/Database/")
    users = {"AppSecret": "app_role", "SystemSecret": "system_role", "OwnerSecret": "algotrading"}
    if variables.get("DATABASE_USER"):
        assert secret == ""
        return f"{variables['DATABASE_USER']} by token"
    return f"{users[secret]} by password" if secret else "none"


def test_each_function_logs_in_as_its_own_database_user(estate: Estate, environment: Environment) -> None:
    logins = {name: _login(estate.variables(estate.function(name))) for name in _names(estate) - {"docs", "canary"}}
    way = "token" if environment.database_iam else "password"
    app, system = f"app_role by {way}", f"system_role by {way}"

    assert logins == {
        "admin": system,
        "auth": app,
        "broker": app,
        "postback": app,
        "strategy": app,
        "executor": app,
        "priority_executor": app,
        "converge": system,
        "operator": system,
        "instruments": system,
        "mailer": app,
        "migrate": "algotrading by password",
        "notifications": app,
        "notifier": app,
        "summary": system,
        "authorizer": "none",
        "rotate": "none",
        "trigger": "none",
    }


def test_a_setting_that_nothing_provides_stops_the_synthesis() -> None:
    class NeedsMore(Settings):
        unheard_of: str

    with pytest.raises(VariableMissing, match="NeedsMore needs UNHEARD_OF"):
        variables_for(NeedsMore, {"STAGE": "dev"})
