"""What is told of the difference between two versions' templates."""

from __future__ import annotations

from typing import Any

import pytest

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
        '      Tags[0].Key: "a" -> "b"',
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


def changed(old: Any, new: Any) -> list[str]:
    """What is told of one property."""
    lines = list(compare({"a": stack(Q=queue(P=old))}, {"a": stack(Q=queue(P=new))}))
    return [line.strip() for line in lines[2:]]


def test_of_a_long_text_the_part_that_differs_is_shown() -> None:
    """A policy, say, of which all but a word stays as it is."""
    common = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " * 4

    [told] = changed(
        f"{common}connect-src https://old.example; {common}", f"{common}connect-src https://new.example; {common}"
    )

    assert told == (
        "P: ...e'; connect-src https://old.example; default-src 'n... -> "
        "...e'; connect-src https://new.example; default-src 'n..."
    )


def test_of_a_list_only_the_items_that_differ_are_shown() -> None:
    statements = [{"Action": f"s3:Action{number}", "Effect": "Allow", "Resource": "*"} for number in range(9)]
    narrower = {**statements[4], "Resource": "arn:aws:s3:::one"}

    assert changed(statements, [*statements[:4], narrower, *statements[5:]]) == [
        'P[4].Resource: "*" -> "arn:aws:s3:::one"'
    ]
    assert changed(statements, statements[1:]) == [
        'P[0]: {"Action": "s3:Action0", "Effect": "Allow", "Resource": "*"} -> nothing'
    ]
    assert changed(["a", "c"], ["a", "b", "c", "d"]) == ['P[1]: nothing -> "b"', 'P[3]: nothing -> "d"']


def test_what_is_new_is_shown_and_what_is_very_long_says_by_how_much() -> None:
    assert changed(None, {"Key": "x" * 100}) == [f'P: nothing -> {{"Key": "{"x" * 100}"}}']
    assert changed("a", "b" * 1000) == [f'P: "a" -> "{"b" * 399}... (602 more)']


@pytest.mark.parametrize(
    ("old", "new"),
    [("aa", "aaa"), ("", "a"), (1, 11), ([], [0]), ("abab" * 40, "ab" * 81), ([1, [2, 3]], [1, [2, 4]])],
)
def test_every_difference_is_told_both_ways(old: Any, new: Any) -> None:
    for told in (changed(old, new), changed(new, old)):
        assert told
        for line in told:
            before, _, after = line.partition(": ")[2].partition(" -> ")
            assert before != after


def test_an_output_that_goes_is_told_and_one_that_others_import_is_marked() -> None:
    before = {"web": {"Outputs": {"Url": {"Value": 1}, "Export": {"Value": 2, "Export": {"Name": "x"}}}}}
    after = {"web": {"Outputs": {"Url": {"Value": 3}, "Fresh": {"Value": 4}}}}

    assert list(compare(before, after)) == [
        "web",
        "  - output Export  !! refused while another stack imports it",
        "  + output Fresh",
        "  ~ output Url",
        "      Value: 1 -> 3",
    ]
