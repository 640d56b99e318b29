"""The pages' bucket is private: only the distribution reads it, and the operator's `pages publish` fills it."""

from aws_cdk import Annotations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import Capability
from infra.names import account_wide
from infra.outputs import output


class Pages(Capability):
    """Everything in it is also in the checkout, so it keeps no versions."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=self.settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            bucket,
            [
                NagPackSuppression(
                    id="AwsSolutions-S1", reason="Only CloudFront reads it, and only pages that anybody may read."
                )
            ],
        )
        # With the permission to list, S3 answers 404 for a missing object; without, 403. Nobody sees the list: the
        # distribution requests index.html instead, and forwards no query.
        Annotations.of(scope).acknowledge_warning("@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk")
        self.origin = origins.S3BucketOrigin.with_origin_access_control(
            bucket,
            origin_access_control=cloudfront.S3OriginAccessControl(
                self, "AccessControl", origin_access_control_name=account_wide(self, "Pages")
            ),
            origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
        )
        output(self, "PagesBucket", bucket.bucket_name, description="Where `pages publish` puts the pages")
