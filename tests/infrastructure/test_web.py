"""Where the web app is served from: only the content network reads the bucket, and pages may call one API only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from cdk.cost.standing import unpriced
from cdk.environments import ENVIRONMENTS, AppDomain, Environment
from cdk.page_policy import page_policy
from cdk.synth import synthesize
from tests.infrastructure.templates import APP_URL, Estate

NAMED = AppDomain(name="app.trader.in", certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/5f0c8a8e")


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """One whose app has a name of its own."""
    out = tmp_path_factory.mktemp("named")
    return Estate(synthesize(replace(ENVIRONMENTS["prod"], app_domain=NAMED), out, in_place=True))


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
    # Which API of the region it is, the published page says itself: the header is made before the API is.
    some_api = "https://*.execute-api.ap-south-1.amazonaws.com"
    assert security["ContentSecurityPolicy"]["ContentSecurityPolicy"] == page_policy(some_api)
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000


def test_a_path_of_the_app_is_its_page(estate: Estate) -> None:
    code = estate.one("AWS::CloudFront::Function").properties["FunctionCode"]

    assert "request.uri = '/index.html'" in code


def test_what_was_published_outlives_a_protected_environment(estate: Estate, environment: Environment) -> None:
    bucket = estate.one("AWS::S3::Bucket", "web/App").body

    assert bucket["DeletionPolicy"] == ("RetainExceptOnCreate" if environment.protected else "Delete")


def _links(estate: Estate) -> set[str]:
    """Where links of mails lead, for everybody who writes some."""
    variables = [estate.variables(each) for each in estate.functions()]
    return {each["APP_URL"] for each in variables if "APP_URL" in each}


def test_links_of_mails_lead_to_the_app_that_is_deployed_with_them(estate: Estate) -> None:
    assert _links(estate) == {APP_URL}
    assert estate.text("web", estate.templates["web"]["Outputs"]["AppUrl"]["Value"]) == APP_URL


def test_an_app_with_a_name_is_found_called_and_linked_by_it(named: Estate) -> None:
    distribution = named.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]
    cors = named.one("AWS::ApiGatewayV2::Api").properties["CorsConfiguration"]
    outputs = {name: named.text("web", each["Value"]) for name, each in named.templates["web"]["Outputs"].items()}

    assert distribution["Aliases"] == ["app.trader.in"]
    assert distribution["ViewerCertificate"]["AcmCertificateArn"] == NAMED.certificate_arn
    assert distribution["ViewerCertificate"]["MinimumProtocolVersion"].startswith("TLSv1.2_")
    assert outputs["AppUrl"] == "https://app.trader.in"
    assert f"https://{outputs['AppDomainTarget']}" == APP_URL
    assert cors["AllowOrigins"] == ["https://app.trader.in"]
    assert _links(named) == {"https://app.trader.in"}
    assert unpriced(named.templates) == {}


def test_an_app_that_gets_a_name_takes_no_export_away_from_stacks_that_import_it(
    named: Estate, estates: Mapping[str, Estate]
) -> None:
    """Its stack is deployed before those that import from it, and CloudFormation refuses to take one away."""

    def exported(estate: Estate) -> set[str]:
        return {str(each["Export"]) for each in estate.templates["web"]["Outputs"].values() if "Export" in each}

    assert exported(estates["prod"])
    assert exported(estates["prod"]) == exported(named)


@pytest.mark.parametrize("name", ["https://app.trader.in", "App.trader.in", "app.trader.in/", "localhost", ""])
def test_what_is_no_name_of_an_app_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a domain"):
        replace(NAMED, name=name)


def test_a_certificate_that_cloudfront_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of AWS Certificate Manager in us-east-1"):
        replace(NAMED, certificate_arn="arn:aws:acm:ap-south-1:111122223333:certificate/5f0c8a8e")


def test_no_app_has_a_name_before_somebody_owns_one(environment: Environment) -> None:
    assert environment.app_domain is None
