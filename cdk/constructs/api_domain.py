"""A name of one's own for the HTTP API, and, where it is wanted, certificates of whoever calls."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.environments import ApiDomain


class NamedApi(Construct):
    """The API at the root of its name. The name itself is given to the output `ApiDomainTarget` by whoever keeps it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        domain: ApiDomain,
        api: apigateway.IHttpApi,
        stage: apigateway.IHttpStage,
    ) -> None:
        super().__init__(scope, construct_id)
        name = apigateway.DomainName(
            self,
            "Name",
            domain_name=domain.name,
            certificate=certificates.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
            mtls=self._clients(domain),
        )
        apigateway.ApiMapping(self, "Mapping", api=api, domain_name=name, stage=stage)
        CfnOutput(
            scope,
            "ApiDomainTarget",
            value=name.regional_domain_name,
            description=f"Where {domain.name} points to: a CNAME, or an alias of Route 53",
        )

    def _clients(self, domain: ApiDomain) -> apigateway.MTLSConfig | None:
        if domain.clients is None:
            return None
        bucket, _, key = domain.clients.truststore.removeprefix("s3://").partition("/")
        return apigateway.MTLSConfig(
            bucket=s3.Bucket.from_bucket_name(self, "Truststore", bucket),
            key=key,
            version=domain.clients.truststore_version,
        )
