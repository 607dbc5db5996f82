"""A name of one's own for the API, and certificates of its callers: no environment of the table has either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from algotrading.settings import CanarySettings
from cdk.cost.standing import unpriced
from cdk.environments import ENVIRONMENTS, ApiDomain, ClientCertificates, Environment
from cdk.synth import synthesize
from tests.infrastructure.templates import API_ENDPOINT, Estate

NAME = "api.trader.in"
CERTIFICATE = "arn:aws:acm:ap-south-1:111122223333:certificate/5f0c8a8e"
CANARY = "api/Functions/Canary"
CLIENTS = ClientCertificates(
    truststore="s3://truststore.trader.in/clients/authorities.pem",
    truststore_version="3sL4kqtJlcpXroDTDmJ",
    canary_secret_arn="arn:aws:secretsmanager:ap-south-1:111122223333:secret:canary-AbCdEf",
)
NAMED = ApiDomain(name=NAME, certificate_arn=CERTIFICATE)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    out = tmp_path_factory.mktemp("named")
    return Estate(synthesize(replace(ENVIRONMENTS["prod"], api_domain=NAMED), out, in_place=True))


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    """One that asks its callers for certificates."""
    out = tmp_path_factory.mktemp("asking")
    domain = replace(NAMED, clients=CLIENTS)
    return Estate(synthesize(replace(ENVIRONMENTS["prod"], api_domain=domain), out, in_place=True))


def _outputs(estate: Estate, stack: str) -> dict[str, str]:
    return {name: estate.text(stack, each["Value"]) for name, each in estate.templates[stack]["Outputs"].items()}


def test_without_a_name_the_api_has_the_one_that_aws_makes_up(estate: Estate) -> None:
    assert estate.resources("AWS::ApiGatewayV2::DomainName") == []
    assert estate.one("AWS::ApiGatewayV2::Api").properties.get("DisableExecuteApiEndpoint") is not True
    assert _outputs(estate, "api")["ApiUrl"] == f"{API_ENDPOINT}/"
    assert estate.variables(estate.function("canary"))["CLIENT_CERTIFICATE_ARN"] == ""


def test_a_named_api_answers_to_its_name_alone(named: Estate) -> None:
    name = named.one("AWS::ApiGatewayV2::DomainName")
    mapping = named.one("AWS::ApiGatewayV2::ApiMapping").properties
    [configuration] = name.properties["DomainNameConfigurations"]

    assert name.properties["DomainName"] == NAME
    assert configuration["CertificateArn"] == CERTIFICATE
    assert (configuration["EndpointType"], configuration["SecurityPolicy"]) == ("REGIONAL", "TLS_1_2")
    assert "MutualTlsAuthentication" not in name.properties
    assert named.text("api", mapping["ApiId"]) == "api/HttpApi"
    assert mapping["Stage"] == "$default"
    stage = named.one("AWS::ApiGatewayV2::Stage").logical_id
    assert stage in str(named.one("AWS::ApiGatewayV2::ApiMapping").body["DependsOn"])
    assert "ApiMappingKey" not in mapping
    assert named.one("AWS::ApiGatewayV2::Api").properties["DisableExecuteApiEndpoint"] is True


def test_whoever_is_told_where_the_api_is_is_told_its_name(named: Estate) -> None:
    outputs = _outputs(named, "api")
    policy = str(named.one("AWS::CloudFront::ResponseHeadersPolicy").properties)

    # The app and `make smoke` read this output.
    assert outputs["ApiUrl"] == f"https://{NAME}/"
    assert outputs["ApiDomainTarget"] == "api/Domain/Name"
    assert f"connect-src 'self' https://{NAME};" in policy
    assert named.variables(named.function("canary"))["API_URL"] == f"https://{NAME}"


def test_a_name_changes_no_other_address_nor_what_holds_state(named: Estate, estates: Mapping[str, Estate]) -> None:
    for kind in ("AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::ApiGatewayV2::Route"):
        assert {each.logical_id for each in named.resources(kind)} == {
            each.logical_id for each in estates["prod"].resources(kind)
        }


def test_a_name_takes_no_export_away_from_stacks_that_import_it(named: Estate, estates: Mapping[str, Estate]) -> None:
    """A stack is deployed before those that import from it, and CloudFormation refuses to take an export away."""

    def exported(estate: Estate) -> set[str]:
        return {
            output["Export"]["Name"]
            for template in estate.templates.values()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    assert exported(estates["prod"]) <= exported(named)


def test_callers_are_asked_for_certificates_of_a_version_of_the_truststore(asking: Estate) -> None:
    name = asking.one("AWS::ApiGatewayV2::DomainName").properties

    assert name["MutualTlsAuthentication"] == {
        "TruststoreUri": CLIENTS.truststore,
        "TruststoreVersion": CLIENTS.truststore_version,
    }
    # Else everybody could go round it.
    assert asking.one("AWS::ApiGatewayV2::Api").properties["DisableExecuteApiEndpoint"] is True
    # And browsers, which show none, are promised nothing.
    assert "CorsConfiguration" not in asking.one("AWS::ApiGatewayV2::Api").properties


def test_the_canary_shows_a_certificate_where_it_is_asked_for_one_and_reads_nothing_else(asking: Estate) -> None:
    variables = asking.variables(asking.function("canary"))
    granted = {
        (grant.action, grant.resource)
        for grant in asking.grants()
        if grant.role == f"{CANARY}/ServiceRole" and not grant.action.startswith("xray:")
    }

    assert CanarySettings.load(variables).client_certificate_arn == CLIENTS.canary_secret_arn
    assert granted == {
        ("secretsmanager:GetSecretValue", CLIENTS.canary_secret_arn),
        ("secretsmanager:DescribeSecret", CLIENTS.canary_secret_arn),
    }
    assert asking.roles_allowed("secretsmanager:GetSecretValue", CLIENTS.canary_secret_arn) == {CANARY}


@pytest.mark.parametrize("which", ["named", "asking"])
def test_a_name_costs_nothing_of_itself(which: str, request: pytest.FixtureRequest) -> None:
    assert unpriced(request.getfixturevalue(which).templates) == {}


@pytest.mark.parametrize(
    "name",
    ["https://api.trader.in", "API.trader.in", "api.trader.in/v1", "localhost", "", "*.trader.in", "-a.trader.in"],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a domain"):
        replace(NAMED, name=name)


def test_a_certificate_of_another_region_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of AWS Certificate Manager in ap-south-1"):
        replace(NAMED, certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/5f0c8a8e")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"truststore": "clients/authorities.pem"}, "s3://bucket/key"),
        ({"truststore": "s3://bucket"}, "s3://bucket/key"),
        ({"truststore": "s3://bucket/"}, "s3://bucket/key"),
        ({"truststore_version": ""}, "no change of the truststore"),
        ({"canary_secret_arn": "arn:aws:ssm:ap-south-1:111122223333:parameter/x"}, "of Secrets Manager"),
    ],
)
def test_half_a_truststore_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(CLIENTS, **changes)


def test_browsers_are_not_promised_what_they_cannot_do() -> None:
    asking = replace(NAMED, clients=CLIENTS)

    with pytest.raises(ValueError, match="which browsers cannot show"):
        replace(ENVIRONMENTS["prod"], web_origins=("https://app.trader.in",), api_domain=asking)
    assert replace(ENVIRONMENTS["prod"], web_origins=("https://app.trader.in",), api_domain=NAMED)


def test_no_environment_has_a_name_before_somebody_owns_one(environment: Environment) -> None:
    assert environment.api_domain is None
