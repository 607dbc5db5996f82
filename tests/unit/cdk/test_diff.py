"""What is told of the difference between two versions' templates."""

from __future__ import annotations

from typing import Any

from cdk.diff import compare


def stack(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"Resources": resources}


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def test_equal_templates_have_no_difference_whatever_cdk_notes() -> None:
    before = {"trading": stack(Orders={**queue(FifoQueue=True), "Metadata": {"aws:cdk:path": "old"}})}
    after = {"trading": stack(Orders={**queue(FifoQueue=True), "Metadata": {"aws:cdk:path": "new"}})}

    assert list(compare(before, after)) == []


def test_each_changed_property_is_named_with_both_values() -> None:
    before = {"trading": stack(Orders=queue(VisibilityTimeout=20, Tags=[{"Key": "a"}], Old=1))}
    after = {"trading": stack(Orders=queue(VisibilityTimeout=30, Tags=[{"Key": "b"}], New={"Deep": True}))}

    assert list(compare(before, after)) == [
        "trading",
        "  ~ AWS::SQS::Queue Orders",
        '      New: nothing -> {"Deep": true}',
        "      Old: 1 -> nothing",
        '      Tags: [{"Key": "a"}] -> [{"Key": "b"}]',
        "      VisibilityTimeout: 20 -> 30",
    ]


def test_what_comes_and_goes_is_told_and_what_holds_something_is_marked() -> None:
    before = {"data": stack(Database={"Type": "AWS::RDS::DBInstance"}, Role={"Type": "AWS::IAM::Role"})}
    after = {"data": stack(Fresh={"Type": "AWS::RDS::DBInstance"})}

    assert list(compare(before, after)) == [
        "data",
        "  - AWS::RDS::DBInstance Database  !! what it holds is lost, or left behind",
        "  + AWS::RDS::DBInstance Fresh",
        "  - AWS::IAM::Role Role",
    ]


def test_what_is_kept_but_changes_its_kind_is_a_change() -> None:
    before = {"web": stack(App={"Type": "AWS::S3::Bucket"})}
    after = {"web": stack(App={"Type": "AWS::S3::AccessPoint"})}

    assert list(compare(before, after))[1:] == [
        "  ~ AWS::S3::AccessPoint App",
        '      Type: "AWS::S3::Bucket" -> "AWS::S3::AccessPoint"',
    ]


def test_a_stack_that_is_new_or_gone_says_so() -> None:
    assert [line for line in compare({"old": stack(A=queue())}, {"new": stack(B=queue())}) if line[0] != " "] == [
        "new (new)",
        "old (gone)",
    ]
