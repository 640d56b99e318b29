"""Empty copies on the local cloud of the path from a table to a socket, and of a Lambda URL: the same services, with
functions that only pass on or respond."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from bench import hops
from operations.clients import LOCAL_ACCESS_KEY_ID, Clients
from testing.waiting import wait_for

NAME = "empty"
_READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Empty:
    """The table where the path begins, and the URL of its sockets."""

    table: Any
    websocket_url: str


def deploy(clients: Clients) -> Empty:
    """Deploy the path next to the local cloud's other resources."""
    client = _clients(clients)
    dynamodb, sqs, api = client("dynamodb"), client("sqs"), client("apigatewayv2")
    stream = dynamodb.create_table(
        TableName=NAME,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    queue_url = sqs.create_queue(
        QueueName=f"{NAME}.fifo",
        Attributes={"FifoQueue": "true", "DeduplicationScope": "messageGroup", "VisibilityTimeout": "120"},
    )["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    api_id = api.create_api(Name=NAME, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
        "ApiId"
    ]
    path = f"{str(clients.endpoint_url).removeprefix('http://')}/_aws/execute-api/{api_id}/live"
    environment = {"QUEUE_URL": queue_url, "CONNECTIONS_URL": f"http://{path}"}
    functions = _functions(client, environment, hops.forward, hops.post, hops.respond)
    _routes(api, api_id, functions["respond"])
    _map(client("lambda"), functions["forward"], stream, StartingPosition="TRIM_HORIZON", BatchSize=100)
    _map(client("lambda"), functions["post"], queue, BatchSize=10)
    return Empty(clients.table(NAME), f"ws://{path}")


def deploy_page(clients: Clients) -> str:
    """Deploy a function with a Lambda URL; the URL, in a form that needs no DNS."""
    client = _clients(clients)
    function = _functions(client, {}, hops.page)["page"]
    created = client("lambda").create_function_url_config(FunctionName=function, AuthType="NONE")
    return f"{clients.endpoint_url}/_aws/lambda-url/{urlsplit(created['FunctionUrl']).netloc.partition('.')[0]}"


def _clients(clients: Clients) -> Callable[[str], Any]:
    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the name varies
            service,
            endpoint_url=clients.endpoint_url,
            aws_access_key_id=LOCAL_ACCESS_KEY_ID,
            aws_secret_access_key=clients.secret,
        )

    return client


def _functions(
    client: Callable[[str], Any], environment: dict[str, str], *handlers: Callable[..., object]
) -> dict[str, str]:
    """The functions' ARNs, by handler name."""
    iam, lambda_ = client("iam"), client("lambda")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=NAME, PolicyName=NAME, PolicyDocument=_policy(everything))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.write(Path(str(hops.__file__)), "hops.py")
    return {
        function.__name__: lambda_.create_function(
            FunctionName=f"{NAME}-{function.__name__}",
            Runtime="python3.13",
            Role=role,
            Handler=f"hops.{function.__name__}",
            Code={"ZipFile": code.getvalue()},
            Timeout=20,
            MemorySize=512,
            Environment={"Variables": environment},
        )["FunctionArn"]
        for function in handlers
    }


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _routes(api: Any, api_id: str, function: str) -> None:
    integration = api.create_integration(
        ApiId=api_id,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations",
    )["IntegrationId"]
    for key in ("$connect", "$default"):
        more = {"RouteResponseSelectionExpression": "$default"} if key == "$default" else {}
        route = api.create_route(ApiId=api_id, RouteKey=key, Target=f"integrations/{integration}", **more)
        if more:
            api.create_route_response(ApiId=api_id, RouteId=route["RouteId"], RouteResponseKey="$default")
    api.create_stage(ApiId=api_id, StageName="live", AutoDeploy=True)


def _map(lambda_: Any, function: str, source: str, **options: Any) -> None:
    created = lambda_.create_event_source_mapping(FunctionName=function, EventSourceArn=source, **options)
    wait_for(
        lambda: lambda_.get_event_source_mapping(UUID=created["UUID"])["State"] == "Enabled",
        _READY_SECONDS,
        missing=f"{function} receives no events",
    )
