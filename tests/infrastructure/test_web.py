"""Where the web app is served from: only the content network reads the bucket, and pages may call one API only."""

from __future__ import annotations

import json

from cdk.environments import Environment
from cdk.page_policy import page_policy
from tests.infrastructure.templates import Estate


def test_the_bucket_is_private_and_asks_for_tls(estate: Estate) -> None:
    bucket = estate.one("AWS::S3::Bucket", "web/App").properties

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (policy,) = [each for each in estate.resources("AWS::S3::BucketPolicy") if each.stack == "web"]
    denied = [each for each in policy.properties["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
    assert [each["Condition"] for each in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_nobody_but_the_distribution_reads_it(estate: Estate) -> None:
    (policy,) = [each for each in estate.resources("AWS::S3::BucketPolicy") if each.stack == "web"]
    readers = [
        each
        for each in policy.properties["PolicyDocument"]["Statement"]
        if each["Effect"] == "Allow" and "s3:GetObject" in each["Action"]
    ]

    (reader,) = readers
    assert reader["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "AWS:SourceArn" in json.dumps(reader["Condition"])


def test_pages_are_served_over_https_with_the_policy_that_the_twin_serves_too(estate: Estate) -> None:
    behaviour = estate.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]["DefaultCacheBehavior"]
    headers = estate.one("AWS::CloudFront::ResponseHeadersPolicy").properties["ResponseHeadersPolicyConfig"]

    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    security = headers["SecurityHeadersConfig"]
    parts = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Join"][1]
    assert len(parts) == 3
    assert "HttpApi" in json.dumps(parts[1])
    assert f"{parts[0]}https://the-api{parts[2]}" == page_policy("https://the-api")
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000


def test_a_path_of_the_app_is_its_page(estate: Estate) -> None:
    code = estate.one("AWS::CloudFront::Function").properties["FunctionCode"]

    assert "request.uri = '/index.html'" in code


def test_what_was_published_outlives_a_protected_environment(estate: Estate, environment: Environment) -> None:
    bucket = estate.one("AWS::S3::Bucket", "web/App").body

    assert bucket["DeletionPolicy"] == ("RetainExceptOnCreate" if environment.protected else "Delete")
