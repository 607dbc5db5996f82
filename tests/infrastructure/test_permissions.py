"""Who may do what: every list here is complete, so a new permission shows as a failure to be thought about."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID

from algotrading.adapters import kms_vault
from cdk.constructs.powers import BROKER_CREDENTIALS, SECOND_FACTOR, WEBHOOK
from cdk.environments import Environment
from tests.infrastructure.templates import ACCOUNT, FEED_USER_IDS, Estate

KEY = "data/BrokerKey"
ORDERS = "trading/Orders/Queue"
PRIORITY = "trading/PriorityOrders/Queue"
LISTENER = "listener/TaskRole"
EXECUTORS = {"trading/Functions/Executor", "trading/Functions/PriorityExecutor"}
BROKER = "api/Functions/Broker"
AUTH = "api/Functions/Auth"
ADMIN = "api/Functions/Admin"
ROTATE = "data/Functions/Rotate"
MAILER = "messages/Functions/Mailer"
NOTIFIER = "messages/Functions/Notifier"
NOTIFICATIONS = "api/Functions/Notifications"
POSTBACK = "api/Functions/Postback"
QUEUE_USE = (
    "ReceiveMessage",
    "ChangeMessageVisibility",
    "GetQueueUrl",
    "DeleteMessage",
    "GetQueueAttributes",
    "SendMessage",
)
CONTEXT = {"user_id": FEED_USER_IDS[0], "purpose": BROKER_CREDENTIALS}


def _grants_of(estate: Estate, role: str) -> set[tuple[str, str]]:
    return {(grant.action, grant.resource) for grant in estate.grants() if grant.role == role}


def _login(environment: Environment, user: str) -> set[tuple[str, str]]:
    """What it takes to log in to the database as `user`."""
    if environment.database_iam:
        return {("rds-db:connect", f"arn:aws:rds-db:ap-south-1:{ACCOUNT}:dbuser:*/{user}")}
    secret = f"data/Database/{user.removesuffix('_role').capitalize()}Secret"
    return {("secretsmanager:GetSecretValue", secret), ("secretsmanager:DescribeSecret", secret)}


def _who_logs_in(estate: Estate, environment: Environment, user: str) -> set[str]:
    """Roles that may, the migration apart, which reads every password."""
    wanted = _login(environment, user)
    found = {
        grant.role.removesuffix("/ServiceRole") for grant in estate.grants() if (grant.action, grant.resource) in wanted
    }
    return found - {"data/Functions/Migrate"}


def _opened_by(estate: Estate, purpose: str, action: str = "kms:Decrypt") -> set[str]:
    """Roles that may open (or seal) what was sealed for a purpose."""
    wanted = f'"kms:EncryptionContext:purpose": "{purpose}"'
    return {
        grant.role.removesuffix("/ServiceRole")
        for grant in estate.grants()
        if (grant.action, grant.resource) == (action, KEY) and wanted in json.dumps(json.loads(grant.condition))
    }


def test_only_those_who_talk_to_brokers_open_broker_secrets(estate: Estate) -> None:
    assert _opened_by(estate, BROKER_CREDENTIALS) == EXECUTORS | {BROKER, POSTBACK}
    assert estate.roles_allowed("kms:Decrypt", KEY) == EXECUTORS | {
        BROKER,
        POSTBACK,
        AUTH,
        ADMIN,
        NOTIFICATIONS,
        NOTIFIER,
    }


def test_second_factors_are_made_at_logins_and_asked_for_there_and_by_administrators(estate: Estate) -> None:
    assert _opened_by(estate, SECOND_FACTOR) == {AUTH, ADMIN}
    assert _opened_by(estate, SECOND_FACTOR, "kms:GenerateDataKey") == {AUTH}


def test_webhook_secrets_are_made_where_their_owners_ask_and_opened_where_messages_are_signed(estate: Estate) -> None:
    assert _opened_by(estate, WEBHOOK) == {NOTIFICATIONS, NOTIFIER}
    assert _opened_by(estate, WEBHOOK, "kms:GenerateDataKey") == {NOTIFICATIONS}


def test_whoever_calls_addresses_that_users_name_reaches_nothing_that_trades(
    estate: Estate, environment: Environment
) -> None:
    granted = {grant for grant in _grants_of(estate, f"{NOTIFIER}/ServiceRole") if not grant[0].startswith("xray:")}

    assert {(action, resource.rpartition(":identity/")[2]) for action, resource in granted} == {
        ("kms:Decrypt", KEY),
        ("ses:SendEmail", "messages/Sender"),
        *_login(environment, "app_role"),
        ("secretsmanager:GetSecretValue", "messages/TelegramSecret"),
        ("secretsmanager:DescribeSecret", "messages/TelegramSecret"),
        *(("sqs:" + action, "messages/Notices/Queue") for action in QUEUE_USE),
    }


def test_the_bots_token_is_read_where_it_speaks_and_where_it_is_asked_whether_there_is_one(estate: Estate) -> None:
    readers = estate.roles_allowed("secretsmanager:GetSecretValue", "messages/TelegramSecret")

    assert readers == {NOTIFIER, NOTIFICATIONS}


def test_notices_come_from_the_topic_and_from_whoever_has_them_tried_again(estate: Estate) -> None:
    [subscription] = [s for s in estate.resources("AWS::SNS::Subscription") if s.properties["Protocol"] == "sqs"]
    [policy] = [p for p in estate.resources("AWS::SQS::QueuePolicy") if p.path == "messages/Notices/Queue/Policy"]
    allowed = [s for s in policy.properties["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]

    assert estate.text(subscription.stack, subscription.properties["TopicArn"]) == "trading/Notifications"
    assert estate.text(subscription.stack, subscription.properties["Endpoint"]) == "messages/Notices/Queue"
    assert [(each["Principal"], each["Action"]) for each in allowed] == [
        ({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")
    ]
    assert [estate.text("messages", each["Condition"]["ArnEquals"]["aws:SourceArn"]) for each in allowed] == [
        "trading/Notifications"
    ]
    assert estate.roles_allowed("sqs:SendMessage", "messages/Notices/Queue") == {NOTIFIER, NOTIFICATIONS}


def test_the_watcher_opens_the_secrets_of_the_feed_accounts_and_of_nobody_else(feeding_estate: Estate) -> None:
    assert _opened_by(feeding_estate, BROKER_CREDENTIALS) == EXECUTORS | {BROKER, POSTBACK, LISTENER}
    [grant] = [each for each in feeding_estate.grants() if each.role == LISTENER and each.action == "kms:Decrypt"]

    assert json.loads(grant.condition) == {
        "StringEquals": {
            "kms:EncryptionContext:user_id": FEED_USER_IDS,
            "kms:EncryptionContext:purpose": CONTEXT["purpose"],
        }
    }


def test_no_environments_watcher_keeps_order_sockets(environment: Environment) -> None:
    assert not environment.order_update_sockets


def test_with_order_sockets_the_watcher_opens_broker_secrets_by_their_owner_and_seals_none(
    listening_estate: Estate,
) -> None:
    grants = [each for each in listening_estate.grants() if each.role == LISTENER and each.action.startswith("kms:")]

    assert [each.action for each in grants] == ["kms:Decrypt"]
    assert json.loads(grants[0].condition) == {
        "StringEquals": {"kms:EncryptionContext:purpose": CONTEXT["purpose"]},
        "Null": {"kms:EncryptionContext:user_id": "false"},
    }


def test_no_secret_is_sealed_or_opened_without_saying_whose_it_is(estate: Estate) -> None:
    conditions = {grant.condition for grant in estate.grants() if grant.action.startswith("kms:")}

    assert sorted((json.loads(each) for each in conditions), key=str) == [
        {
            "StringEquals": {"kms:EncryptionContext:purpose": purpose},
            "Null": {"kms:EncryptionContext:user_id": "false"},
        }
        for purpose in (BROKER_CREDENTIALS, SECOND_FACTOR, WEBHOOK)
    ]


def test_the_conditions_are_on_the_context_that_the_vault_seals_under() -> None:
    vault = kms_vault.KmsVault(cast(Any, None), "key")

    assert vault._context(UUID(FEED_USER_IDS[0])) == CONTEXT
    assert (kms_vault.BROKER_CREDENTIALS, kms_vault.SECOND_FACTOR) == (BROKER_CREDENTIALS, SECOND_FACTOR)
    assert kms_vault.WEBHOOK == WEBHOOK


def test_only_the_broker_function_seals_broker_secrets(estate: Estate) -> None:
    assert _opened_by(estate, BROKER_CREDENTIALS, "kms:GenerateDataKey") == {BROKER}


def test_entries_are_asked_for_by_the_trigger_and_the_strategy_function(estate: Estate) -> None:
    assert estate.roles_allowed("sqs:SendMessage", ORDERS) == {"trading/Functions/Trigger", "api/Functions/Strategy"}


def test_order_updates_open_secrets_give_hints_and_do_nothing_else(estate: Estate, environment: Environment) -> None:
    assert {grant for grant in _grants_of(estate, f"{POSTBACK}/ServiceRole") if not grant[0].startswith("xray:")} == {
        ("kms:Decrypt", KEY),
        ("sqs:SendMessage", PRIORITY),
        ("sqs:GetQueueAttributes", PRIORITY),
        ("sqs:GetQueueUrl", PRIORITY),
        *_login(environment, "app_role"),
    }


def test_mails_are_asked_for_by_logins_and_sent_by_two_functions_from_one_address(estate: Estate) -> None:
    mails = [grant for grant in estate.grants() if grant.action.startswith("ses:")]

    assert estate.roles_allowed("sqs:SendMessage", "messages/Mails/Queue") == {AUTH}
    assert {(grant.role.removesuffix("/ServiceRole"), grant.action) for grant in mails} == {
        (MAILER, "ses:SendEmail"),
        (NOTIFIER, "ses:SendEmail"),
    }
    assert all(grant.resource.endswith(":identity/messages/Sender") for grant in mails)


def test_the_function_of_the_staff_sells_looks_at_queues_and_opens_no_broker_secret(
    estate: Estate, environment: Environment
) -> None:
    granted = {grant for grant in _grants_of(estate, f"{ADMIN}/ServiceRole") if not grant[0].startswith("xray:")}
    watched = {
        ORDERS,
        PRIORITY,
        "messages/Mails/Queue",
        "messages/Notices/Queue",
        "trading/Orders/DeadLetters",
        "trading/PriorityOrders/DeadLetters",
        "trading/Scheduling/DeadLetters",
        "messages/Mails/DeadLetters",
        "messages/Notices/DeadLetters",
    }

    assert granted == {
        ("kms:Decrypt", KEY),
        ("sqs:SendMessage", PRIORITY),
        ("sqs:GetQueueUrl", PRIORITY),
        *(("sqs:GetQueueAttributes", queue) for queue in watched),
        *_login(environment, "system_role"),
    }
    assert ADMIN not in _opened_by(estate, BROKER_CREDENTIALS)


def test_the_canary_may_do_nothing(estate: Estate) -> None:
    assert {action for action, _ in _grants_of(estate, "api/Functions/Canary/ServiceRole")} <= {
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_exits_and_looks_are_asked_for_by_owner_broker_staff_watcher_and_converge(estate: Estate) -> None:
    assert estate.roles_allowed("sqs:SendMessage", PRIORITY) == {
        "api/Functions/Strategy",
        BROKER,
        POSTBACK,
        ADMIN,
        "trading/Functions/Converge",
        "trading/Functions/Operator",
        LISTENER,
    }


def test_each_lane_is_read_by_its_executor_alone(estate: Estate) -> None:
    assert estate.roles_allowed("sqs:ReceiveMessage", ORDERS) == {"trading/Functions/Executor"}
    assert estate.roles_allowed("sqs:ReceiveMessage", PRIORITY) == {"trading/Functions/PriorityExecutor"}


def test_the_watcher_may_ask_for_exits_read_its_stores_and_nothing_else(
    estate: Estate, environment: Environment
) -> None:
    assert _grants_of(estate, LISTENER) == {
        ("sqs:SendMessage", PRIORITY),
        ("sqs:GetQueueAttributes", PRIORITY),
        ("sqs:GetQueueUrl", PRIORITY),
        *_login(environment, "system_role"),
    }


def test_tokens_are_signed_and_checked_where_people_come_in_only(estate: Estate) -> None:
    readers = estate.roles_allowed("secretsmanager:GetSecretValue", "data/JwtSecret")

    assert readers == {"api/Functions/Auth", "api/Functions/Authorizer", BROKER, ROTATE}


def test_only_its_rotation_changes_the_signing_key_and_it_does_nothing_else(estate: Estate) -> None:
    secret = "data/JwtSecret"
    [permission] = (each for each in estate.resources("AWS::Lambda::Permission") if each.path.startswith(f"{ROTATE}/"))
    caller = permission.properties
    actions = ("GetSecretValue", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage")

    assert {grant for grant in _grants_of(estate, f"{ROTATE}/ServiceRole") if not grant[0].startswith("xray:")} == {
        (f"secretsmanager:{action}", secret) for action in actions
    }
    assert estate.roles_allowed("secretsmanager:PutSecretValue", secret) == {ROTATE}
    assert estate.roles_allowed("secretsmanager:UpdateSecretVersionStage", secret) == {ROTATE}
    # Called by Secrets Manager alone, for this secret alone.
    assert caller["Principal"] == "secretsmanager.amazonaws.com"
    assert caller["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert estate.text(permission.stack, caller["SourceArn"]) == secret


def test_only_the_migration_knows_the_owner_of_the_database(estate: Estate) -> None:
    readers = estate.roles_allowed("secretsmanager:GetSecretValue", "data/Database/OwnerSecret")

    assert readers == {"data/Functions/Migrate"}


def test_only_system_entry_points_see_every_traders_rows(estate: Estate, environment: Environment) -> None:
    assert _who_logs_in(estate, environment, "system_role") == {
        "trading/Functions/Converge",
        "trading/Functions/Operator",
        "trading/Functions/Instruments",
        "messages/Functions/Summary",
        ADMIN,
        LISTENER,
    }


def test_everybody_else_sees_one_traders_rows_at_a_time(estate: Estate, environment: Environment) -> None:
    assert _who_logs_in(estate, environment, "app_role") == EXECUTORS | {
        *(BROKER, AUTH, POSTBACK, NOTIFICATIONS, "api/Functions/Strategy"),
        *(MAILER, NOTIFIER),
    }


def test_where_iam_lets_in_only_the_migration_reads_a_password(estate: Estate, environment: Environment) -> None:
    readers = {
        grant.role
        for grant in estate.grants()
        if grant.action == "secretsmanager:GetSecretValue" and grant.resource.startswith("data/Database/")
    }
    logins = {grant.resource for grant in estate.grants() if grant.action.startswith("rds-db:")}

    assert (readers == {"data/Functions/Migrate/ServiceRole"}) is environment.database_iam
    # Of whatever instance, since a restored one has another id; but one user each, and never the owner.
    users = {"app_role", "system_role"} if environment.database_iam else set()
    assert {each.rpartition(":dbuser:*/")[2] for each in logins} == users


def test_schedules_are_managed_by_two_functions_in_one_group(estate: Estate) -> None:
    group = estate.one("AWS::Scheduler::ScheduleGroup", "trading/Scheduling").properties["Name"]
    scheduler = [grant for grant in estate.grants() if grant.action.startswith("scheduler:")]
    grants = [grant for grant in scheduler if grant.action != "scheduler:ListSchedules"]

    assert {grant.role.removesuffix("/ServiceRole") for grant in grants} == {
        "api/Functions/Strategy",
        "trading/Functions/Converge",
    }
    assert {grant.action.removeprefix("scheduler:") for grant in grants} == {
        "CreateSchedule",
        "GetSchedule",
        "UpdateSchedule",
        "DeleteSchedule",
    }
    assert all(grant.resource.endswith(f":schedule/{group}/*") for grant in grants)


def test_only_converge_sees_which_schedules_there_are(estate: Estate) -> None:
    assert estate.roles_allowed("scheduler:ListSchedules", "*") == {"trading/Functions/Converge"}


def test_no_role_passes_any_role_but_the_schedulers(estate: Estate) -> None:
    passed = {grant.resource for grant in estate.grants() if grant.action == "iam:PassRole"}

    assert passed == {"trading/Scheduling/Role"}
    # To the service that rings, and to no other: with the role in hand a function could else act as it anywhere.
    assert {grant.condition for grant in estate.grants() if grant.action == "iam:PassRole"} == {
        json.dumps({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}})
    }


def test_a_wildcard_resource_stands_only_where_the_service_knows_no_other(estate: Estate) -> None:
    anywhere = {grant.action for grant in estate.grants() if grant.resource == "*"}

    assert anywhere <= {
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "ecr:GetAuthorizationToken",
        "scheduler:ListSchedules",
    }


def test_no_role_may_do_everything_of_a_service(estate: Estate) -> None:
    assert not [grant for grant in estate.grants() if grant.action.endswith("*")]


def test_the_only_managed_policies_are_those_for_logs_and_network_interfaces(estate: Estate) -> None:
    attached = {
        estate.text(role.stack, arn).rsplit("/", 1)[1]
        for role in estate.resources("AWS::IAM::Role")
        for arn in role.properties.get("ManagedPolicyArns", [])
    }

    assert attached == {"AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"}


def test_queues_refuse_what_comes_in_the_clear_and_invite_nobody(estate: Estate) -> None:
    statements = [
        statement
        for policy in estate.resources("AWS::SQS::QueuePolicy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    ]

    # The one invitation is the topic's, to the queue of notices.
    denied = [statement for statement in statements if statement["Effect"] == "Deny"]
    assert len(denied) == len(estate.resources("AWS::SQS::Queue"))
    assert len(statements) == len(denied) + 1
    assert {statement["Condition"]["Bool"]["aws:SecureTransport"] for statement in denied} == {"false"}


def test_nothing_but_iam_lets_anybody_invoke_the_operators_function(estate: Estate) -> None:
    """No route, schedule or event source reaches it: who may invoke it is a matter of the account's own policies."""
    function = estate.function("operator")
    permissions = [each.properties["FunctionName"] for each in estate.resources("AWS::Lambda::Permission")]
    sources = [each.properties["FunctionName"] for each in estate.resources("AWS::Lambda::EventSourceMapping")]
    urls = estate.resources("AWS::Lambda::Url")

    assert permissions, "the API's functions have permissions: the lookup works"
    assert not [each for each in (*permissions, *sources) if function.logical_id in str(each)]
    assert list(urls) == []


def test_where_sms_are_sent_the_notifier_alone_publishes_to_phones_and_to_no_topic(
    feeding_estate: Estate, estate: Estate
) -> None:
    statements = [
        (feeding_estate.text(policy.stack, policy.properties["Roles"][0]), statement)
        for policy in feeding_estate.resources("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
        if statement["Action"] == "sns:Publish"
    ]
    of_notifier = [statement for role, statement in statements if role == f"{NOTIFIER}/ServiceRole"]

    assert feeding_estate.roles_allowed("sns:Publish", "*") == {NOTIFIER}
    assert [(each["Effect"], each["Resource"]) for each in of_notifier] == [
        ("Allow", "*"),
        ("Deny", "arn:aws:sns:*:*:*"),
    ]
    assert estate.roles_allowed("sns:Publish", "*") == set(), "nobody has registered for the table's environments"
