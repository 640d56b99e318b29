"""AWS's prices in us-east-1, on demand, as of November 2026, and what AWS gives every account each month for ever.

Each price names the page that it is from. Free allowances that end after a first year or with credits are left out, and
so are lower prices of larger amounts: of what Cairn uses, none is reached below a hundred terabytes or a billion
messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GB = 1e9
HOURS = 720
"""Of a month."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one of something, and how many of it every account has free in a month."""

    of: str
    dollars: float
    free: float = 0.0


Charges = Mapping[Price, float]
"""How many of each are used."""

# https://aws.amazon.com/dynamodb/pricing/on-demand/
WRITE_UNIT = Price("DynamoDB write units", 0.625e-6)
READ_UNIT = Price("DynamoDB read units", 0.125e-6)
TABLE_GB_MONTH = Price("DynamoDB storage, GB", 0.25, free=25)
BACKUP_GB_MONTH = Price("DynamoDB point-in-time recovery, GB", 0.20)
# https://aws.amazon.com/sqs/pricing/: the free million is of both kinds together; here it is the standard queues'.
SQS_REQUEST = Price("SQS requests, standard queues", 0.40e-6, free=1e6)
FIFO_REQUEST = Price("SQS requests, FIFO queues", 0.50e-6)
# https://aws.amazon.com/lambda/pricing/, arm64
LAMBDA_REQUEST = Price("Lambda requests", 0.20e-6, free=1e6)
LAMBDA_GB_SECOND = Price("Lambda GB-seconds", 0.0000133334, free=400_000)
# https://aws.amazon.com/api-gateway/pricing/: a message is 32 KB, in either direction
SOCKET_MESSAGE = Price("WebSocket messages", 1.00e-6)
SOCKET_MINUTE = Price("WebSocket connection minutes", 0.25e-6)
# https://aws.amazon.com/eventbridge/pricing/
SCHEDULER_INVOCATION = Price("EventBridge Scheduler invocations", 1.00e-6, free=14e6)
# https://aws.amazon.com/secrets-manager/pricing/
SECRET_CALL = Price("Secrets Manager calls", 0.05 / 10_000)
SECRET_MONTH = Price("secrets", 0.40)
# https://aws.amazon.com/kms/pricing/: AWS's own keys cost nothing; calls for the AWS-managed ones count.
KMS_REQUEST = Price("KMS requests", 0.03 / 10_000, free=20_000)
# https://aws.amazon.com/cloudwatch/pricing/: custom metrics are billed for the hours in which they are sent.
LOG_GB = Price("CloudWatch Logs, GB written", 0.50, free=5)
LOG_GB_MONTH = Price("CloudWatch Logs, GB kept", 0.03)
METRIC_HOUR = Price("custom metrics, hours", 0.30 / HOURS, free=10 * HOURS)
ALARM_MONTH = Price("alarms, by metric", 0.10, free=10)
DASHBOARD_MONTH = Price("dashboards", 3.00, free=3)
# https://aws.amazon.com/cloudfront/pricing/pay-as-you-go/: viewers in the United States
CDN_REQUEST = Price("CloudFront HTTPS requests", 0.01 / 10_000, free=10e6)
CDN_GB = Price("CloudFront data out, GB", 0.085, free=1000)
CDN_FUNCTION = Price("CloudFront function invocations", 0.10e-6, free=2e6)
# https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer: Lambda's and API Gateway's too
DATA_OUT_GB = Price("data out to the internet, GB", 0.09, free=100)
# https://aws.amazon.com/cognito/pricing/: a person who signs in or refreshes a session in the month
PERSON = {
    "LITE": Price("people who sign in, Cognito Lite", 0.0055, free=10_000),
    "ESSENTIALS": Price("people who sign in, Cognito Essentials", 0.015, free=10_000),
    "PLUS": Price("people who sign in, Cognito Plus", 0.02),
}
# https://aws.amazon.com/s3/pricing/
S3_GB_MONTH = Price("S3 storage, GB", 0.023)


def dollars(charges: Charges) -> float:
    """The price of these, without any free allowance."""
    return sum(amount * price.dollars for price, amount in charges.items())


def dollars_beyond_free(charges: Charges) -> float:
    """The price of a month's charges in an account that uses its free allowances for nothing else."""
    return sum(max(0.0, amount - price.free) * price.dollars for price, amount in charges.items())


def total(*charges: Charges) -> Charges:
    """All of these charges together."""
    found: dict[Price, float] = {}
    for one in charges:
        for price, amount in one.items():
            found[price] = found.get(price, 0.0) + amount
    return found


def lambda_charges(invocations: float, seconds: float, memory_mb: int) -> Charges:
    """So many invocations of so many seconds each on arm64; a second of 1,024 MB is a GB-second."""
    return {LAMBDA_REQUEST: invocations, LAMBDA_GB_SECOND: invocations * seconds * memory_mb / 1024}


def log_charges(written: float) -> Charges:
    """Writing so many bytes of log and keeping them for a month; at most, since CloudWatch keeps them compressed."""
    return {LOG_GB: written / GB, LOG_GB_MONTH: written / GB}


def cdn_charges(requests: float, bytes_out: float, functions: float = 0.0) -> Charges:
    """So many HTTPS requests with responses of so many bytes each, some of which run a CloudFront function."""
    return {CDN_REQUEST: requests, CDN_GB: requests * bytes_out / GB, CDN_FUNCTION: functions}
