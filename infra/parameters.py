"""The settings of viewers as parameters: cdk.json has the defaults, and a local cloud may choose other values."""

from aws_cdk import CfnParameter
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function
from infra.outputs import pascal

JOINS = (
    "VIEWER_JOINS_PER_MINUTE",
    "VIEWER_JOINS_PER_MINUTE_56",
    "VIEWER_JOINS_PER_MINUTE_48",
    "VIEWER_JOINS_PER_MINUTE_TOTAL",
    "VIEWER_CHANNELS_PER_MINUTE",
    "VIEWER_CHANNELS_PER_MINUTE_TOTAL",
    "LIVE_CHANNELS",
)
"""What a function that lets viewers join needs."""
COUNTS = (
    "VIEWER_HEARTBEAT_INTERVAL",
    "VIEWER_TIMEOUT",
    "VIEWER_COUNT_UPDATE_INTERVAL",
    "VIEWER_MILESTONE_PER_ADDRESS",
    "VIEWER_MILESTONE_SECONDS",
    "LIVE_CHANNELS",
)
"""What a function that counts viewers needs."""
_NUMBER = r"[1-9]\d*"


class Parameters(Construct):
    """One line a parameter."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        settings = foundation(self).settings
        self._parameters: dict[str, CfnParameter] = {}
        self._number("viewer_heartbeat_interval", settings.viewer_heartbeat_interval, "Milliseconds between heartbeats")
        self._number("viewer_timeout", settings.viewer_timeout, "Seconds without a heartbeat until a viewer is gone")
        self._number(
            "viewer_count_update_interval", settings.viewer_count_update_interval, "Least milliseconds between counts"
        )
        self._number("viewer_joins_per_minute", settings.viewer_joins_per_minute, "Joins a minute from one address")
        self._number("viewer_joins_per_minute_56", settings.viewer_joins_per_minute_56, "The same from one IPv6 /56")
        self._number("viewer_joins_per_minute_48", settings.viewer_joins_per_minute_48, "The same from one IPv6 /48")
        self._number("viewer_joins_per_minute_total", settings.viewer_joins_per_minute_total, "The same in all")
        self._number(
            "viewer_channels_per_minute", settings.viewer_channels_per_minute, "Channels opened from one address"
        )
        self._number("viewer_channels_per_minute_total", settings.viewer_channels_per_minute_total, "The same in all")
        self._number(
            "viewer_milestone_per_address",
            settings.viewer_milestone_per_address,
            "Viewers of one address that count for a milestone",
        )
        self._number(
            "viewer_milestone_seconds", settings.viewer_milestone_seconds, "Seconds that a milestone has to last"
        )
        self._parameter("live_channels", settings.live_channels_json, r"\{.*\}", "Channels announced by Telegram, JSON")

    def pass_to(self, function: Function, *variables: str) -> None:
        """Add parameters, under the names of environment variables, to the function's environment."""
        function.add_environment(**{name: self._parameters[name].value_as_string for name in variables})

    def _number(self, name: str, default: int, description: str) -> None:
        self._parameter(name, str(default), _NUMBER, description)

    def _parameter(self, name: str, default: str, pattern: str, description: str) -> None:
        parameter = CfnParameter(self, pascal(name), default=default, allowed_pattern=pattern, description=description)
        parameter.override_logical_id(pascal(name))
        self._parameters[name.upper()] = parameter
