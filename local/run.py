"""`make run`: starts Cairn on this machine from a fresh clone and shows what happens in it, until Ctrl-C."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cairn.clock import now
from cairn.identity.api_keys import SCOPES, ApiKeys
from local import cloud, creators, demo, follow, platforms, sales, synth, usage, viewers, webhooks
from local.processes import STOP_SIGNALS, Processes, Running, child_environment, require_free
from local.settings import EDGE_SECRET, ROOT, Settings, StartError, read_settings
from local.terminal import Terminal, standard_output
from operations import pages
from operations.clients import LOCAL_ACCESS_KEY_ID, Clients
from operations.migration import migrate
from operations.stack import Stack, write_local_stack, write_private


class Stopped(KeyboardInterrupt):
    """A stop signal arrived. Not an Exception, which botocore would handle as a failed call."""


def main() -> int:
    """Run until stopped; exit code 0 then, 1 on an error."""
    terminal = standard_output()
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP on purpose
            signal.signal(number, _stop)
    try:
        settings = read_settings(os.environ, ROOT / ".env")
        require_free(settings.ports)
        settings.home.mkdir(parents=True, exist_ok=True)
        with alone(settings.home), Processes(settings.home / "logs") as processes:
            try:
                run(settings, processes, terminal)
            finally:
                for number in STOP_SIGNALS:
                    signal.signal(number, signal.SIG_IGN)
    except Stopped:
        terminal.say("\nstopped" if terminal.is_tty else "stopped")
        return 0
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except StartError as error:
        print(f"{terminal.paint('cairn:', 'red')} {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def run(settings: Settings, processes: Processes, terminal: Terminal) -> None:
    """Start the cloud, deploy the stack, connect the platforms, create a key and the demo; then follow events."""
    terminal.say(terminal.paint("Cairn on this machine", "bold"))
    ministack = cloud.start_ministack(settings, processes)
    sandbox = start_sandbox(settings, processes) if settings.sandboxed else None

    with terminal.step("synthesising the CDK app (takes a minute the first time)") as step:
        step.text = "CDK app synthesised" if synth.synthesise() else "CDK app unchanged since the last synthesis"
    assembly = cloud.read_assembly(synth.ASSEMBLY)

    with terminal.step("MiniStack, a local AWS with IAM enforced"):
        cloud.wait_for_ministack(settings, ministack)

    with terminal.step(f"stack {assembly.stack}") as step:
        clients = Clients.of_the_local_cloud(settings.aws_endpoint_url, settings.secret)
        cloud.upload(assembly, clients)
        outputs = cloud.deploy(assembly, clients, stack_parameters(settings))
        step.text = f"stack {assembly.stack}, {len(assembly.template['Resources'])} resources"
    stack = Stack(name=assembly.stack, clients=clients, outputs=outputs, api_url=settings.api_url)

    migrate(stack)
    with terminal.step("API behind CloudFront, API key, platform keys"):
        edge = start_edge(settings, stack, processes)
        platforms.fill_secrets(settings, stack)
        admin_key = ApiKeys(clients.table(stack.output("KeysTable"))).create("local admin", SCOPES, now())
        cloud.wait_for(f"{settings.api_url}/api/health", edge)

    with terminal.step("Telegram bot") as step:
        if sandbox is not None:
            cloud.wait_for(f"http://127.0.0.1:{settings.sandbox_port}/", sandbox)
        step.text = platforms.link_telegram(settings, processes)

    with terminal.step("creators' platform") as step:
        step.text = platforms.link_creators(settings)

    with terminal.step("pages") as step:
        step.text = f"pages: {pages.publish(stack)}"

    password, actors = None, list[follow.Actor]()
    if settings.demo:
        actors = [demo.Visitor(settings, admin_key), salesperson := sales.Salesperson(settings, admin_key)]
        if settings.sandbox_url:
            with terminal.step("webhooks") as step:
                step.text = webhooks.connect(settings, admin_key)
        with terminal.step("demo") as step:
            step.text = (
                demo.seed(settings, admin_key) if settings.sandbox_url else "no demo channels without the sandbox"
            )
        with terminal.step("sales floor") as step:
            password, step.text = demo.invite(stack), salesperson.hire()
        with terminal.step("product") as step:
            actors.append(product := usage.Product(settings, admin_key))
            step.text = product.launch()
        with terminal.step("agency") as step:
            step.text = creators.sign(settings, admin_key)
        with terminal.step("live stream") as step:
            step.text = start_viewers(settings, processes)

    write_local_stack(settings.home, stack)
    write_outputs(settings, stack, admin_key)
    introduce(settings, admin_key, password, terminal)
    terminal.say("ready")
    follow.follow(settings, stack, processes, terminal, actors)


def stack_parameters(settings: Settings) -> dict[str, str]:
    """What differs from production: addresses of platforms, sockets, keys and webhooks, and the user's settings."""
    parameters = {choice.platform.url_parameter: choice.url for choice in settings.platforms if choice.url}
    parameters |= {one.platform.auth_url_parameter: one.auth_url for one in settings.platforms if one.auth_url}
    parameters |= {
        "WebSocketBase": f"127.0.0.1:{settings.port}/_aws/execute-api",
        "UserPoolJwksBase": settings.aws_endpoint_url,
        "WebhookAllowedTargets": settings.webhook_targets,
        "InitialSettings": json.dumps(dict(settings.initial_settings), ensure_ascii=False),
    }
    schedules = {"FetchSchedule": settings.fetch_schedule, "SyncSchedule": settings.sync_schedule}
    return parameters | {name: schedule for name, schedule in schedules.items() if schedule}


def start_sandbox(settings: Settings, processes: Processes) -> Running:
    """The stand-in for platforms without keys."""
    command = [sys.executable, "-m", "local.sandbox", "--port", str(settings.sandbox_port)]
    return processes.start("sandbox", command, child_environment())


def start_edge(settings: Settings, stack: Stack, processes: Processes) -> Running:
    """The common address of the API and the pages."""
    distribution = stack.output("DistributionDomainName").partition(".")[0]
    command = [sys.executable, "-m", "local.edge", "--port", str(settings.edge_port)]
    command += ["--ministack", settings.aws_endpoint_url, "--distribution", distribution]
    return processes.start("edge", command, child_environment() | {EDGE_SECRET: settings.secret})


def start_viewers(settings: Settings, processes: Processes) -> str:
    """The viewers of the demo's live stream; a summary line."""
    command = [sys.executable, "-m", "local.viewers", "--api", settings.api_url]
    processes.start("viewers", command, child_environment(), needed=False)
    return f"live stream {viewers.CHANNEL}: simulated viewers join and leave"


def write_outputs(settings: Settings, stack: Stack, admin_key: str) -> None:
    """Write `outputs.json`, described in docs/operations.md."""
    outputs = {
        "ApiUrl": settings.api_url,
        "WebSocketUrl": stack.output("WebSocketUrl"),
        "WebUrl": settings.api_url,
        "AdminApiKey": admin_key,
        "SandboxUrl": settings.sandbox_url,
        "ViewerUrl": settings.api_url,
        "AwsEndpointUrl": settings.aws_endpoint_url,
        "AwsAccessKeyId": LOCAL_ACCESS_KEY_ID,
        "AwsSecretAccessKey": settings.secret,
        "StackName": stack.name,
    }
    write_private(settings.home / "outputs.json", outputs)


def introduce(settings: Settings, admin_key: str, password: str | None, terminal: Terminal) -> None:
    """Print where everything is; `password` is the demo users', None without a demo."""
    home = settings.home.relative_to(Path.cwd()) if settings.home.is_relative_to(Path.cwd()) else settings.home
    users = ", ".join(f"{name} ({module})" for name, module in demo.PEOPLE.items())
    command = "./cairn --local people add NAME --modules leaderboard"
    lines = {
        "pages": f"{settings.api_url}/leaderboard and, for a TV, {settings.api_url}/tv",
        "live": f"{settings.api_url}/live/{viewers.CHANNEL}" if settings.demo else f"{settings.api_url}/live/ANY-ID",
        "usage": f"{settings.api_url}/usage",
        "revenue": f"{settings.api_url}/revenue",
        "webhooks": f"{settings.api_url}/webhooks",
        "sign in": f"as {users}, password {password}" if password else f"create a user first: {command}",
        "API": f"{settings.api_url}/api/docs",
        "admin key": f"Authorization: Bearer {admin_key}",
        "sandbox": settings.sandbox_url or "not started: every platform has its own key or address",
        "AWS": f"{settings.aws_endpoint_url} (region us-east-1, access key in outputs.json)",
        "files": f"{home}/outputs.json, logs in {home}/logs",
    }
    terminal.say()
    for name, where in lines.items():
        terminal.say(f"  {terminal.paint(f'{name:<10}', 'cyan')} {where}")
    terminal.say(f"  {terminal.paint('Ctrl-C', 'cyan')}     stops everything; no data is kept")
    terminal.say()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Lock this state directory; the system releases the lock however the process ends."""
    with (home / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StartError(
                f"A local cloud is already running from {home} (process {lock.read().strip() or 'unknown'}). "
                "Stop it with Ctrl-C, or give this one its own directory: CAIRN_HOME=.local/second"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        _remove_outputs(home)
        try:
            yield
        finally:
            _remove_outputs(home)
            shutil.rmtree(home / "tmp", ignore_errors=True)


def _remove_outputs(home: Path) -> None:
    """Remove the addresses of a cloud that no longer runs."""
    for name in ("outputs.json", "stack.json"):
        (home / name).unlink(missing_ok=True)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(signal.Signals(number).name)


if __name__ == "__main__":
    sys.exit(main())
