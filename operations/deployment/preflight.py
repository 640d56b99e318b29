"""`preflight`: what would make a deployment fail, found before it starts. It reads, and changes nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from infra import interpreter
from infra.regions import region_problem
from operations.clients import Clients
from operations.deployment import quotas, stacks
from operations.deployment.cdk import Cdk
from operations.deployment.findings import UNREACHABLE, Finding, guarded, not_checked, note, ok, problem, unknown
from operations.stack import OperationError
from operations.target import Target

PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
"""So that a machine without a way to AWS learns it within seconds."""
BOOTSTRAP_VERSION = 6
"""What the template demands of the account: a test compares them."""
_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
NODE_VERSION = 22
SMALL_CONCURRENCY = 100
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_WRONG = ("InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException", "IncompleteSignature")
_INCREASE = "https://console.aws.amazon.com/servicequotas/home/services/lambda/quotas/L-B99A9384"


def inspect(target: Target, clients: Clients, cdk: Cdk, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Each check's findings, as they are made. What needs credentials is left out when they do not work."""
    yield from _machine(cdk)
    yield from _region(target)
    account, credentials = find_account(target, clients)
    yield credentials
    if account is None:
        yield unknown("everything else", "not checked: it needs credentials that work")
        return
    yield from guarded("bootstrap", lambda: _bootstrap(target, clients))
    yield from guarded("stack", lambda: _stack(target, clients))
    yield from guarded("concurrency", lambda: _concurrency(target, clients, settings))
    yield from guarded("CloudFront", lambda: _cloudfront(clients))
    if settings["certificate_arn"]:
        yield from guarded("certificate", lambda: _certificate(clients, settings))
    try:
        template = cdk.synthesise(target, {})
    except OperationError as error:
        yield problem("template", str(error))
        return
    yield from quotas.inspect(target, clients, template)


def _machine(cdk: Cdk) -> Iterator[Finding]:
    version = "{}.{}".format(*sys.version_info)
    try:
        functions = interpreter.find(download=False)
        yield ok("Python", f"{version}, and for the functions' bytecode {functions}")
    except interpreter.MissingInterpreterError as error:
        if os.environ.get(interpreter.VARIABLE):
            yield problem("Python", f"{version}; {error}")
        else:
            missing = f"{version}, and no CPython {interpreter.VERSION}, which writes the functions' bytecode"
            yield note("Python", f"{missing}: `make deploy` downloads one from GitHub, or install python3.13")
    node = _node_version()
    if node is None or node < NODE_VERSION:
        found = "is missing" if node is None else f"{node} is too old"
        yield problem("Node", f"Node.js {found}; .venv brings it: rm .venv/ready, then run this again")
    else:
        yield ok("Node", f"{node}")
    try:
        yield ok("CDK", cdk.version())
    except OperationError as error:
        yield problem("CDK", str(error))


def _node_version() -> int | None:
    """The major version of the Node that .venv brings, or of this machine's."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=path)
    if not node:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - ours
    found = re.match(r"v(\d+)", answer)
    return int(found[1]) if found else None


def _region(target: Target) -> Iterator[Finding]:
    if reason := region_problem(target.region):
        yield problem("region", reason)
    elif target.region not in _regions():
        yield problem("region", f"{target.region} is no region that this version of boto3 knows: {target}")
    else:
        yield ok("target", str(target))


def _regions() -> list[str]:
    """Those that have Lambda, as far as boto3 knows, whether or not there is a profile."""
    session = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return session.get_available_regions("lambda")


def find_account(target: Target, clients: Clients) -> tuple[str | None, Finding]:
    """The account of the credentials, None if they do not work, and what there is to say about them."""
    subject = "credentials"
    try:
        identity = clients.sts.get_caller_identity()
        return identity["Account"], ok(subject, f"account {identity['Account']}, as {identity['Arn']}")
    except NoCredentialsError:
        why = (
            "there are none. Sign in with `aws login` or `aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code in _EXPIRED:
            why = "they have expired: sign in again"
        elif code in _WRONG:
            why = (
                f"AWS does not accept them ({code}). Are they right, is this machine's clock right, and is "
                f"{target.region} enabled in the account?"
            )
        else:
            why = not_checked(error)
    except UNREACHABLE as error:
        why = f"cannot reach AWS: {error}. Is this machine online, and does a proxy let it out?"
    except BotoCoreError as error:  # a profile that does not exist, a sign-in that is over
        why = f"they cannot be used: {error}"
    return None, problem(subject, why)


def _bootstrap(target: Target, clients: Clients) -> Iterator[Finding]:
    subject = "bootstrap"
    do = f"run make bootstrap{_make_variables(target)}"
    try:
        version = int(clients.ssm.get_parameter(Name=_BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
    except clients.ssm.exceptions.ParameterNotFound:
        yield problem(subject, f"the account is not prepared for the CDK in {target.region}: {do}, once")
        return
    if version < BOOTSTRAP_VERSION:
        yield problem(subject, f"version {version} is too old, {BOOTSTRAP_VERSION} is needed: {do}")
    else:
        yield ok(subject, f"version {version}")


def _stack(target: Target, clients: Clients) -> Iterator[Finding]:
    subject = "stack"
    found = stacks.find(clients, target.stack)
    undo = f"make undo{_make_variables(target)}"
    if found is None or found.status == "REVIEW_IN_PROGRESS":
        yield ok(subject, "none yet: this is the first deployment")
    elif found.failed_creation and found.status != "CREATE_FAILED" and not found.is_protected:
        yield note(
            subject,
            f"{found.status}: the first deployment failed. {found.reason()}The next one deletes what is left of it",
        )
    elif found.failed_creation:
        yield problem(subject, f"{found.status}: the first deployment failed. {found.reason()}Run {undo}")
    elif found.status == "UPDATE_ROLLBACK_FAILED":
        yield problem(subject, f"{found.status}: docs/operations.md says what to do under A deployment failed")
    elif found.status == "DELETE_FAILED":
        yield problem(subject, f"{found.status}: {undo} continues the deletion")
    elif found.status.endswith("_IN_PROGRESS"):
        yield problem(subject, f"{found.status}: wait until CloudFormation has finished")
    else:
        yield ok(subject, found.status)


def _concurrency(target: Target, clients: Clients, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """A part can only be reserved from what exceeds 100; an account that is new has 10 in all.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    subject = "concurrency"
    limits = clients.functions.get_account_settings()["AccountLimit"]
    total, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    wanted = sum(settings["reserved_concurrency"].values())
    held = stacks.reserved_concurrency(clients, target.stack) if wanted else 0
    free = unreserved + held - min(SMALL_CONCURRENCY, total)
    if wanted > free:
        yield problem(
            subject,
            f"reserved_concurrency in cdk.json wants {wanted} of the account's {total}, and {max(free, 0)} can be "
            f"reserved: lower it, or ask for more at {_INCREASE}",
        )
    elif total <= SMALL_CONCURRENCY:
        yield note(
            subject,
            f"the account runs only {total} functions at a time, as new ones do. That is enough for a few people: "
            f"ask for 1,000, which costs nothing, at {_INCREASE}",
        )
    else:
        yield ok(subject, f"{total:,} in all, {unreserved:,} not reserved")


def _cloudfront(clients: Clients) -> Iterator[Finding]:
    if clients.cloudfront.list_distributions(MaxItems="1")["DistributionList"]["Quantity"]:
        yield ok("CloudFront", "the account has distributions")
    else:
        yield note(
            "CloudFront",
            "the account has no distribution yet. AWS lets some new accounts create none, which cannot be found out "
            'beforehand: if the deployment fails with "Your account must be verified before you can add new CloudFront '
            'resources", open a case at https://console.aws.amazon.com/support/home, wait, then deploy again',
        )


def _certificate(clients: Clients, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """CloudFront takes one that is issued, covers the name, and lies in us-east-1."""
    subject, domain = "certificate", settings["domain_name"]
    acm = clients.of("acm", region="us-east-1")
    try:
        found = acm.describe_certificate(CertificateArn=settings["certificate_arn"])["Certificate"]
    except acm.exceptions.ResourceNotFoundException:
        yield problem(subject, "this account has no certificate with the ARN of certificate_arn in cdk.json")
        return
    covered = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if found["Status"] != "ISSUED":
        yield problem(subject, f"{found['Status']}: create the DNS record that ACM shows, and wait until it is issued")
    elif not covered & {domain, f"*.{domain.partition('.')[2]}"}:
        yield problem(subject, f"it is for {', '.join(sorted(covered))}, not for domain_name {domain}")
    else:
        yield ok(subject, f"issued, for {domain}")


def _make_variables(target: Target) -> str:
    """What has to be added to a make command, so that it means the same stack."""
    stack = f" STACK={target.stack}" if target.stack_from == "--stack" else ""
    return stack + (f" REGION={target.region}" if target.region_from == "--region" else "")
