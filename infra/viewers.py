"""What is chosen about viewers: as cdk.json has it, by parameters, so that a local cloud may choose for itself."""

from aws_cdk import CfnParameter
from constructs import Construct

from infra.functions import Function
from infra.outputs import pascal
from infra.settings import Settings

_NUMBER = r"[1-9]\d*"


class Viewers(Construct):
    """One line a choice."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._choices: dict[str, CfnParameter] = {}
        self._number("viewer_heartbeat_interval", settings.viewer_heartbeat_interval, "Milliseconds to a heartbeat")
        self._number("viewer_timeout", settings.viewer_timeout, "Seconds without a heartbeat until a viewer is gone")
        self._number("viewer_count_update_interval", settings.viewer_count_update_interval, "Milliseconds to a count")
        self._number("viewer_joins_per_minute", settings.viewer_joins_per_minute, "How often an address may join")
        self._choice("live_channels", settings.live_channels_json, r"\{.*\}", "Channels told of by Telegram, as JSON")

    def tell(self, function: Function, *choices: str) -> None:
        """Put choices, named as the function's variables are, into its environment."""
        function.tell(**{name: self._choices[name].value_as_string for name in choices})

    def _number(self, name: str, default: int, says: str) -> None:
        self._choice(name, str(default), _NUMBER, says)

    def _choice(self, name: str, default: str, pattern: str, says: str) -> None:
        parameter = CfnParameter(self, pascal(name), default=default, allowed_pattern=pattern, description=says)
        parameter.override_logical_id(pascal(name))
        self._choices[name.upper()] = parameter
