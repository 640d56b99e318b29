"""`deploy`: looks before it leaps, deploys, protects what was deployed, migrates its data, publishes its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations import migration, pages, settings
from operations.clients import Clients
from operations.deployment import alarm_address, preflight, protection, stacks
from operations.deployment.cdk import Cdk
from operations.deployment.console import Console
from operations.deployment.findings import failed, note
from operations.stack import OperationError, Stack, read_stack
from operations.target import Target

APPROVALS = ("never", "broadening", "any-change")


@dataclass(frozen=True)
class Deployment:
    """One deployment, to one target: everything that it does goes to this stack and region."""

    target: Target
    clients: Clients
    probes: Clients
    """The same account's, which give up soon: for what is only looked at before the deployment."""
    cdk: Cdk
    console: Console
    settings: Mapping[str, Any]
    """cdk.json's."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Settings of the command line, for this deployment alone."""

    def preflight(self) -> bool:
        """Say what was found; whether nothing speaks against a deployment."""
        findings = []
        for finding in preflight.inspect(self.target, self.probes, self.cdk, self.settings):
            self.console.say(str(finding))
            findings.append(finding)
        return not failed(findings)

    def run(self, *, approval: str | None = None, despite_problems: bool = False) -> Stack:
        """The deployed stack. OperationError, before anything was changed or with what CloudFormation has undone."""
        if not self.preflight() and not despite_problems:
            raise OperationError("there are problems, so nothing was deployed; --despite-problems deploys all the same")
        first = not self._stands()
        if not self._setting("alarm_email") and not (first and self._asked_for_an_address()):
            self.console.say(str(note("alarms", alarm_address.NOBODY)))
        try:
            outputs = self._deploy(first, approval)
        finally:
            # After a failure too: it may have been an update, of a stack that holds data.
            self.protect()
        stack = self._same_stack(outputs)
        for line in (*migration.migrate(stack), *settings.seed(settings.workspaces(stack), self.settings)):
            self.console.say(line)
        self.console.say(pages.publish(stack))
        self._remind(stack)
        return stack

    def protect(self) -> bool:
        """Protect what stands, and say what was unprotected; whether everything is protected now."""
        found = stacks.find(self.clients, self.target.stack)
        if found is None or not found.stands or self._setting("removal_policy") != "retain":
            return True
        done, still_open = protection.protect(found)
        for line in [*done, *map(str, still_open)]:
            self.console.say(line)
        return not still_open

    def _setting(self, name: str) -> str:
        return self.chosen.get(name, str(self.settings[name]))

    def _asked_for_an_address(self) -> bool:
        return self.console.interactive and bool(alarm_address.ask(self.console))

    def _stands(self) -> bool:
        found = stacks.find(self.clients, self.target.stack)
        return found is not None and found.stands

    def _kept(self) -> dict[str, str]:
        """What an operator of 0.1.0 has set, and this cdk.json does not say: the deployment begins with it."""
        kept = settings.before_the_table(read_stack(self.clients, self.target.stack))
        named = {*self.settings, *self.settings.get("initial_settings", {}), *self.chosen}
        for name in sorted(kept.keys() - named):
            self.console.say(f"settings: {name} stays as it was deployed, {kept[name]}")
        return {name: value for name, value in kept.items() if name not in named}

    def _deploy(self, first: bool, approval: str | None) -> dict[str, str]:
        if approval is None:
            approval = "broadening" if self.console.interactive else "never"
        chosen = self.chosen if first else {**self._kept(), **self.chosen}
        if approval == "never":
            self.cdk.diff(self.target, chosen)
        if not first or self._setting("removal_policy") != "retain":
            return self.cdk.deploy(self.target, chosen, approval=approval)
        self.cdk.deploy(self.target, {**self.chosen, "protection": "off"}, approval=approval)
        self.console.say("The stack stands. Now it is protected from deletion:")
        return self.cdk.deploy(self.target, self.chosen, approval="never")

    def _same_stack(self, outputs: Mapping[str, str]) -> Stack:
        """OperationError if the CDK's credentials and ours are of different accounts, which have their own profiles."""
        stack = read_stack(self.clients, self.target.stack)
        mine = stack.output("DistributionId")
        if outputs.get("DistributionId") != mine:
            raise OperationError(
                f"the CDK deployed the distribution {outputs.get('DistributionId')}, but these credentials "
                f"see {mine}: two accounts? Set AWS_PROFILE, or the keys, but not both. No page was published"
            )
        return stack

    def _remind(self, stack: Stack) -> None:
        try:
            for address in alarm_address.unconfirmed(self.clients, stack):
                self.console.say(f"{address} gets alarms once the link in the mail from AWS Notifications is followed")
        except (ClientError, BotoCoreError) as error:
            self.console.say(str(note("alarms", f"whether their addresses are confirmed is unknown: {error}")))
