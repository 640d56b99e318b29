"""The request bodies of the control API; `GET /control` lists each field's alias and description."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from local.sandbox.crm import CrmMode, RetryAfterForm
from local.sandbox.failures import RETRY_AFTER_SECONDS, Mode
from local.sandbox.messenger import ChatType, Membership

LARGEST_COUNT = 10**12

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """A route's body; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Nothing(Body):
    """An empty body, or none."""


class ChannelBody(Body):
    count: Count | None = Field(None, description="followers now")
    views: Count | None = Field(None, description="views of all videos (YouTube)")
    videos: Count | None = Field(None, description="videos, or posts on Instagram")
    hidden: bool | None = Field(None, description="the count is hidden (YouTube)")
    error: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]{0,50}$",
        description="the error for this channel alone: YouTube's reason or Instagram's code; empty ends it",
    )
    id: Name | None = Field(None, description="the platform's id; derived from the handle by default")
    name: Name | None = Field(None, description="display name")
    growth_per_second: float | None = Field(None, ge=-1e9, le=1e9, description="new followers per second, from now on")
    remove: bool = Field(False, description="true: delete the channel on the platform")


class FailureBody(Body):
    mode: Mode = Field(description="slow, broken, quota, rate_limited, timeout or malformed")
    seconds: float | None = Field(None, gt=0, description="ends after so many seconds")
    requests: int | None = Field(None, gt=0, description="ends after so many requests")
    retry_after: int = Field(RETRY_AFTER_SECONDS, gt=0, le=86_400, description="seconds in a rate limit's response")
    delay: float | None = Field(None, ge=0, le=3600, description="seconds to wait before the response")


class MessageBody(Body):
    text: str = Field(min_length=1, max_length=4096, description="the message")
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the user's or the group's name")
    sender: Name | None = Field(None, alias="from", description="first name of the sender, in a group")


class ChatBody(Body):
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the user's or the group's name")
    username: Name | None = Field(None, description="its @username, without the @")
    members: Count | None = Field(None, description="the result of getChatMemberCount")
    bot: Membership = Field("member", description="member, absent or kicked (in a private chat: blocked)")


class MigrateBody(Body):
    to: int | None = Field(None, lt=-(10**12), description="the supergroup's id; derived from the group's by default")


class FailNextBody(Body):
    method: Name | None = Field(None, description="only calls of this method, such as sendMessage; any by default")
    status: int | None = Field(None, ge=400, le=599, description="HTTP status; by default the connection is dropped")
    description: str = Field("Internal Server Error", description="Telegram's description")
    times: int = Field(1, gt=0, le=10_000, description="how many calls fail")
    after_accepting: bool = Field(False, description="the call takes effect and only its response is lost")


class CrmBody(Body):
    secret: str | None = Field(
        None, description="the endpoint's secret, whsec_…, with which what comes is verified; null forgets it"
    )


class CrmFailureBody(Body):
    mode: CrmMode = Field(description="status, hang, trickle, reset or endless")
    status: int = Field(500, ge=300, le=599, description="the answer's status in the mode status, such as 410")
    retry_after: int | None = Field(None, ge=0, le=10**7, description="seconds in the answer's Retry-After")
    retry_after_as: RetryAfterForm = Field("seconds", description="seconds or date: the form of Retry-After")
    percent: float = Field(100, gt=0, le=100, description="how many of all requests fail")
    seconds: float | None = Field(None, gt=0, description="ends after so many seconds")
    requests: int | None = Field(None, gt=0, description="ends after so many failed requests")
    delay: float | None = Field(None, ge=0, le=3600, description="seconds of silence, or between two trickled bytes")


class LimitsBody(Body):
    youtube_units_a_day: int | None = Field(None, ge=0)
    instagram_calls_an_hour: int | None = Field(None, ge=0)
    telegram_messages_a_second: int | None = Field(None, ge=1)
    telegram_private_messages_a_second: int | None = Field(None, ge=1)
    telegram_group_messages_a_minute: int | None = Field(None, ge=1)
    fanvue_calls_a_minute: int | None = Field(None, ge=1, description="of each creator's paths")


class ResetBody(Body):
    webhook: bool = Field(False, description="true: remove webhooks and the CRMs' secrets too")
