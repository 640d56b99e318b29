"""What the stats table's stream starts: detect_milestone ─► notify queue, broadcast queue; record_history ─► charts.

EventBridge Scheduler ─► check_milestones ─► stats table, for what detect_milestone gave up.
"""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule


class Readings(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.detect_milestone = self._detect_milestone()
        self.record_history = self._record_history()
        self.check_milestones = self._check_milestones()

    def _detect_milestone(self) -> Function:
        function = Function(
            self,
            "detect_milestone",
            description="Compares a reading with the one before it and claims each milestone once",
            timeout=Duration.seconds(30),
            environment={"AVATAR_HOSTS": self.settings.avatar_hosts_list},
        )
        tables, queues = self.tables, self.queues
        tables.grant_settings(function)
        tables.stats.feed(function, failures=queues.detection_failures, parallel=10)
        # When a rep enters or leaves the podium, this is stored as another reading of the rep.
        tables.stats.grant(function, "GetItem", "PutItem", keys=("rep:*",))
        tables.grant_board(function)
        tables.milestones.grant(function, "Query", "BatchGetItem", "PutItem", "UpdateItem")
        # A user's profile: its contact for webhooks, its last day, its latest milestone, and when something is due.
        tables.usage.grant(function, "GetItem", "UpdateItem", keys=("user#*",))
        # The time of the last request to refresh everyone's board.
        tables.connections.grant(function, "UpdateItem", keys=("refreshes",))
        queues.notify.grant_send(function)
        queues.broadcast.grant_send(function)
        queues.webhook.grant_send(function)
        return function

    def _check_milestones(self) -> Function:
        function = Function(
            self,
            "check_milestones",
            description="Compares all stored readings with their high-water marks and reports what is missing",
            timeout=Duration.minutes(5),
        )
        self.tables.grant_settings(function)
        # No list has every subject.
        self.tables.stats.grant(function, "Scan")
        self.tables.stats.grant(function, "UpdateItem", attributes=("subject", "recheck", "as_of"))
        self.tables.milestones.grant(function, "BatchGetItem")
        self.tables.milestones.grant(function, "GetItem", "PutItem", keys=("check",))
        Schedule(
            self,
            "CheckSchedule",
            description="Looks for milestones that were given up on the way",
            expression=self.settings.milestone_check_schedule,
            function=function,
        )
        return function

    def _record_history(self) -> Function:
        function = Function(
            self,
            "record_history",
            description="Stores each reading for charts, and its day's summary",
            timeout=Duration.seconds(30),
        )
        self.tables.grant_settings(function)
        # One lane writes some 125 readings a second.
        failures, window = self.queues.history_failures, Duration.seconds(5)
        self.tables.stats.feed(function, failures=failures, window=window, parallel=2)
        self.tables.history.grant(function, "PutItem")
        # A day of a product's user has parts of its own from imports and freezes.
        self.tables.history.grant(function, "UpdateItem", keys=("user:*",))
        return function
