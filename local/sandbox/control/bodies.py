"""The bodies of the control API's routes; `GET /control` shows each field by its alias and its description."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from local.sandbox.failures import RETRY_AFTER_SECONDS, Mode
from local.sandbox.messenger import ChatType, Membership

LARGEST_COUNT = 10**12

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """What a route takes; names it does not know are mistakes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Nothing(Body):
    """A route that takes no body, or an empty one."""


class ChannelBody(Body):
    count: Count | None = Field(None, description="followers now")
    views: Count | None = Field(None, description="views of all videos (YouTube)")
    videos: Count | None = Field(None, description="videos, or posts on Instagram")
    hidden: bool | None = Field(None, description="the count is hidden (YouTube)")
    id: Name | None = Field(None, description="the platform's own id; made from the handle if not given")
    name: Name | None = Field(None, description="display name")
    growth_per_second: float | None = Field(None, ge=-1e9, le=1e9, description="followers won a second, from now on")
    remove: bool = Field(False, description="true: the platform no longer knows the channel")


class FailureBody(Body):
    mode: Mode = Field(description="slow, broken, quota, rate_limited, timeout or malformed")
    seconds: float | None = Field(None, gt=0, description="heals after so many seconds")
    requests: int | None = Field(None, gt=0, description="heals after so many requests")
    retry_after: int = Field(RETRY_AFTER_SECONDS, gt=0, le=86_400, description="seconds named in a rate limit's answer")
    delay: float | None = Field(None, ge=0, le=3600, description="seconds waited before answering")


class MessageBody(Body):
    text: str = Field(min_length=1, max_length=4096, description="what is written")
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the person's or the group's name")
    sender: Name | None = Field(None, alias="from", description="first name of who writes, in a group")


class ChatBody(Body):
    type: ChatType | None = Field(None, description="private, group, supergroup or channel, when the chat is new")
    title: Name | None = Field(None, description="the person's or the group's name")
    username: Name | None = Field(None, description="its @username, without the @")
    members: Count | None = Field(None, description="what getChatMemberCount answers")
    bot: Membership = Field("member", description="member, absent or kicked (in a private chat: blocked)")


class MigrateBody(Body):
    to: int | None = Field(None, lt=-(10**12), description="id of the supergroup; made from the group's if not given")


class FailNextBody(Body):
    method: Name | None = Field(None, description="only calls of this method, such as sendMessage; any if not given")
    status: int | None = Field(None, ge=400, le=599, description="HTTP status; if not given the connection is dropped")
    description: str = Field("Internal Server Error", description="Telegram's description")
    times: int = Field(1, gt=0, le=10_000, description="how many calls fail")
    after_accepting: bool = Field(False, description="the call is carried out and only its answer is lost")


class LimitsBody(Body):
    youtube_units_a_day: int | None = Field(None, ge=0)
    instagram_calls_an_hour: int | None = Field(None, ge=0)
    telegram_messages_a_second: int | None = Field(None, ge=1)
    telegram_private_messages_a_second: int | None = Field(None, ge=1)
    telegram_group_messages_a_minute: int | None = Field(None, ge=1)


class ResetBody(Body):
    webhook: bool = Field(False, description="true: forget the bot's webhook too")
