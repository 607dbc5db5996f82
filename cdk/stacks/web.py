"""Where the web build of the app is served from: a private bucket behind a content network.

Nothing is uploaded here: `cdk/publish_app.py` does that after a deployment, so that a change of the estate never waits
for a build of the app.
"""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_certificatemanager as certificates
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.retention import removal_policy
from cdk.environments import Environment
from cdk.page_policy import callable_apis, page_policy

_YEAR: Final = Duration.days(365)
_ROUTE: Final = """\
function handler(event) {
    var request = event.request;
    // A path without a file's ending is one of the app's own: its router reads it.
    if (!/\\.[A-Za-z0-9]+$/.test(request.uri)) {
        request.uri = '/index.html';
    }
    return request;
}
"""


class WebStack(Stack):
    """Bucket, content network, and the headers that keep a page from loading or calling anything else."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment, **stack: Any) -> None:
        super().__init__(scope, construct_id, **stack)
        domain = environment.app_domain
        bucket = s3.Bucket(
            self,
            "App",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=removal_policy(environment),
            # What is in it can be built again.
            auto_delete_objects=not environment.protected,
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"algotrading-{environment.stage} app",
            domain_names=None if domain is None else [domain.name],
            certificate=None
            if domain is None
            else certificates.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            default_root_object="index.html",
            # The cheaper classes leave India out (CloudFront documentation, price classes).
            price_class=cloudfront.PriceClass.PRICE_CLASS_200,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(bucket),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                compress=True,
                response_headers_policy=self._protection(environment),
                function_associations=[
                    cloudfront.FunctionAssociation(
                        event_type=cloudfront.FunctionEventType.VIEWER_REQUEST,
                        function=cloudfront.Function(
                            self,
                            "Route",
                            # The name that CDK makes up knows nothing of the stage: a second environment of the same
                            # account would meet it there.
                            function_name=f"algotrading-{environment.stage}-app-route",
                            code=cloudfront.FunctionCode.from_inline(_ROUTE),
                            runtime=cloudfront.FunctionRuntime.JS_2_0,
                        ),
                    )
                ],
            ),
        )
        acknowledge(
            bucket,
            "It holds the published app alone, which can be built again from any commit; only CloudFront reads it.",
            nag=("S1",),
            checkov=("CKV_AWS_18", "CKV_AWS_21"),
        )
        acknowledge(
            distribution,
            "Static files without a secret: whom they serve is of no use to keep, and their traders live everywhere.",
            nag=("CFR1", "CFR2", "CFR3"),
            checkov=("CKV_AWS_86", "CKV_AWS_68"),
        )
        if domain is None:
            acknowledge(
                distribution,
                "CloudFront's own certificate fixes the oldest protocol; with a domain of one's own it is TLS 1.2.",
                nag=("CFR4",),
                checkov=("CKV_AWS_174",),
            )
        self.url = f"https://{distribution.distribution_domain_name if domain is None else domain.name}"
        """Where the pages are: the origin that browsers name, and where links of mails lead."""
        # Other stacks import it while the app has no name of its own. If it went with the name, CloudFormation would
        # refuse: this stack is deployed first, and no export goes that another stack still imports.
        self.export_value(distribution.distribution_domain_name)
        CfnOutput(self, "AppBucket", value=bucket.bucket_name)
        CfnOutput(self, "AppDistribution", value=distribution.distribution_id)
        CfnOutput(self, "AppUrl", value=self.url)
        if domain is not None:
            CfnOutput(
                self,
                "AppDomainTarget",
                value=distribution.distribution_domain_name,
                description=f"Where {domain.name} points to: a CNAME, or an alias of Route 53",
            )

    def _protection(self, environment: Environment) -> cloudfront.ResponseHeadersPolicy:
        """What the twin's server of the app says too (twin/app_server.py), and HTTPS for a year. It is made before the
        API, which has to know the pages' origin: which one they call, the page says itself (cdk/publish_app.py)."""
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Protection",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=page_policy(callable_apis(environment)), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=_YEAR, include_subdomains=True, override=True
                ),
            ),
        )
