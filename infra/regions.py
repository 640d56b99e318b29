"""Where Cairn can be deployed. This module imports no CDK, so that the operator's command can use it at once."""

WITHOUT_FUNCTION_URLS = frozenset(
    {
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
    }
)
"""Regions whose Lambda has no function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html"""

_OTHER_PARTITIONS = ("cn-", "eusc-", "us-gov-", "us-iso", "eu-iso")
"""Beginnings of the regions that do not share AWS's CloudFront, and of which most have no function URLs either."""


def region_problem(region: str) -> str | None:
    """Why Cairn cannot be deployed to the region, in one line; None if nothing speaks against it."""
    if region.startswith(_OTHER_PARTITIONS):
        return f"{region} is in a partition of AWS (China, GovCloud, isolated, sovereign) that Cairn does not support"
    if region in WITHOUT_FUNCTION_URLS:
        return f"{region} has no Lambda function URLs, which Cairn's API needs; choose another region"
    return None
