"""The pages' bucket, private: the distribution alone reads it, and the operator's `pages publish` fills it."""

from aws_cdk import Annotations
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.outputs import output
from infra.settings import Settings


class Pages(Construct):
    """What is in it is in the checkout too, so there are no versions of it to keep."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            bucket,
            [
                NagPackSuppression(
                    id="AwsSolutions-S1", reason="CloudFront alone reads it, and only pages that anybody may read."
                )
            ],
        )
        # Who may list is told that an object is not there; anybody else, that it is forbidden. Nobody sees the list:
        # the distribution asks for the front page in its place, and hands on no query.
        Annotations.of(scope).acknowledge_warning("@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk")
        self.origin = origins.S3BucketOrigin.with_origin_access_control(
            bucket, origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST]
        )
        output(self, "PagesBucket", bucket.bucket_name, description="Where `pages publish` puts the pages")
