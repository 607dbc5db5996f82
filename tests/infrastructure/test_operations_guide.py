"""The operator's guide knows every alarm that can wake somebody, and none that cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdk.environments import ENVIRONMENTS, Environment
from cdk.functions import FUNCTIONS
from cdk.paths import ROOT
from cdk.prerequisites import set_aside
from tests.infrastructure.templates import Estate

GUIDE = ROOT / "docs" / "operations.md"
PARTS = ("Cause", "Check", "Action")
_FEWEST_WORDS = 3


def _sections() -> dict[str, str]:
    """What stands below each heading of the alarms, by the heading."""
    _, _, alarms = GUIDE.read_text(encoding="utf-8").partition("\n## Alarms\n")
    pieces = re.split(r"^#{2,4} (.+)$", alarms, flags=re.MULTILINE)
    headings = zip(pieces[1::2], pieces[2::2], strict=True)
    return {heading.strip(): text for heading, text in headings if text.strip()}


def _short(prefix: re.Match[str]) -> str:
    return "listener-ZONE-" if "listener" in prefix[0] else ""


def _alarms(estates: Mapping[str, Estate]) -> set[str]:
    """As the guide names them: without stage, and the watchers' for every zone together."""
    return {
        re.sub(
            r"^listener-[a-z]-", "listener-ZONE-", each.properties["AlarmName"].removeprefix(f"algotrading-{stage}-")
        )
        for stage, estate in estates.items()
        for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for each in estate.resources(kind)
    }


def test_every_alarm_has_a_section_and_every_section_an_alarm(
    estates: Mapping[str, Estate], feeding_estate: Estate
) -> None:
    assert set(_sections()) == _alarms(estates) | _alarms({"dev": feeding_estate})


def test_every_section_says_cause_check_and_action() -> None:
    found = {name: re.findall(r"^- \*\*(\w+)\*\*: (.+)$", text, re.MULTILINE) for name, text in _sections().items()}

    assert {name: tuple(part for part, _ in parts) for name, parts in found.items()} == dict.fromkeys(found, PARTS)
    assert [name for name, parts in found.items() for _, words in parts if len(words.split()) < _FEWEST_WORDS] == []


def test_what_the_guide_names_is_there(estate: Estate, environment: Environment) -> None:
    """Functions, log groups and outputs that its commands ask for."""
    text = GUIDE.read_text(encoding="utf-8")
    logs = {each.properties["LogGroupName"] for each in estate.resources("AWS::Logs::LogGroup")}
    functions = {each.properties["FunctionName"] for each in estate.functions() if "FunctionName" in each.properties}
    outputs = {name for template in estate.templates.values() for name in template.get("Outputs", {})}
    asked_logs = set(re.findall(r"`tail_log (\w+)", text))
    asked_functions = set(re.findall(r"--function-name algotrading-\$STAGE-([a-z-]+)", text))

    assert asked_logs >= {"executor", "converge", "listener"}
    assert {f"/algotrading/{environment.stage}/{name}" for name in asked_logs} <= logs
    assert asked_functions >= {"migrate", "instruments", "converge"}
    assert {f"algotrading-{environment.stage}-{name}" for name in asked_functions} <= functions
    assert "EgressIp1" in outputs


def test_who_calls_a_function_by_hand_waits_longer_than_it_may_take() -> None:
    """The command line gives up after a minute and asks again (AWS CLI documentation, command line options), while the
    first call still runs."""
    texts = "\n".join(each.read_text(encoding="utf-8") for each in (ROOT / "docs").glob("*.md")).replace("\\\n", " ")
    calls = re.findall(r"aws lambda invoke [^`\n]*", texts)
    waits = {name: each.timeout_seconds for name, each in FUNCTIONS.items()}

    assert len(calls) >= 5
    for call in calls:
        [name] = re.findall(r"--function-name \"?algotrading-(?:\$STAGE|prod)-([a-z-]+)", call)
        patience = re.findall(r"--cli-read-timeout (\d+)", call)
        assert int(patience[0] if patience else 60) > waits[name.replace("-", "_")], call


_LONGEST_IDENTIFIER = 63
"""Of a database (Amazon RDS documentation, naming constraints)."""
_MADE_UP = 12
"""Characters that CloudFormation puts behind stack and logical id, where a name is left to it."""


def test_names_for_databases_are_short_enough_for_rds(estate: Estate, environment: Environment) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    instance = estate.one("AWS::RDS::DBInstance")
    made_up = f"algotrading-{environment.stage}-data-{instance.logical_id}-{'x' * _MADE_UP}"
    given = re.findall(r"--(?:new-|target-)db-instance-identifier (\S+)", text)
    names = [name.replace("$STAGE", environment.stage).replace("$DB", made_up) for name in given]

    assert "DBInstanceIdentifier" not in instance.properties
    assert len(names) >= 3
    assert [name for name in names if len(name) > _LONGEST_IDENTIFIER] == []


def test_a_database_that_is_being_renamed_is_waited_for_until_its_name_is_known() -> None:
    """Its waiter gives up at once where RDS does not know the name, which it does some minutes after it was asked."""
    text = GUIDE.read_text(encoding="utf-8")
    renamed = re.findall(r"--new-db-instance-identifier (\S+) .*\n *(.+)", text)

    assert len(renamed) == 2
    for name, next_command in renamed:
        assert next_command.startswith(f"until aws rds wait db-instance-available --db-instance-identifier {name} ")


def test_the_concurrency_to_ask_aws_for_is_what_is_reserved(estates: Mapping[str, Estate]) -> None:
    [told] = re.findall(r"\((\d+) for prod: new accounts", GUIDE.read_text(encoding="utf-8"))
    reserved = sum(each.properties.get("ReservedConcurrentExecutions", 0) for each in estates["prod"].functions())
    ready = 2 * ENVIRONMENTS["prod"].commands_ready  # those of exits are among the reserved

    assert int(told) == reserved + ready + 100 == set_aside(ENVIRONMENTS["prod"]) + 100
