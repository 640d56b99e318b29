"""The settings of the API, and the adapters that its routes use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import httpx

from cairn import http
from cairn.aws import dynamodb, sqs
from cairn.cdn import Cdn
from cairn.channels.fetch_order import FetchOrder
from cairn.channels.fetching import Fetching
from cairn.channels.platforms import Platforms
from cairn.channels.plausibility import Plausibility
from cairn.channels.recording import Recording
from cairn.channels.registry import Channels
from cairn.channels.status import ChannelStatuses
from cairn.clock import now
from cairn.guarded import GuardedClient
from cairn.identity import user_pool
from cairn.identity.api_keys import ApiKeys
from cairn.identity.cognito import IdTokens, SigningKeys
from cairn.identity.revocations import Revocations
from cairn.identity.sign_in_limits import SignInLimits
from cairn.identity.user_pool import CognitoUserPool
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.rep_ids import RepIds
from cairn.leaderboard.reps import KIND, Reps
from cairn.readings.history import History
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.realtime.sign_out import SignOut
from cairn.realtime.tickets import Tickets
from cairn.rules.ladder import Ladder
from cairn.settings import from_environment
from cairn.telegram.subscribers import Subscribers
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces
from functions.api.analytics.dependencies import CreatorAnalytics
from functions.api.auth import Authenticator
from functions.api.creators.dependencies import CreatorRegistry
from functions.api.sessions.session_end import SessionEnd
from functions.api.usage.dependencies import Usage
from functions.api.webhooks.dependencies import Webhooks


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    milestones_table: str
    history_table: str
    audience_table: str
    channels_table: str
    signins_table: str
    leaderboard_table: str
    board_table: str
    keys_table: str
    sessions_table: str
    settings_table: str
    fetch_queue_url: str
    broadcast_queue_url: str
    initial_settings: str
    avatar_hosts: str
    user_pool_id: str
    user_pool_client_id: str
    user_pool_issuer: str
    user_pool_jwks_url: str
    websocket_url: str
    cdn_keys: str
    direct_calls: str
    # With defaults, because an upgrade changes a function's code before its environment.
    webhooks_table: str = ""
    webhook_key: str = ""
    webhook_queue_url: str = ""
    webhook_allowed_targets: str = ""
    usage_table: str = ""
    creators_table: str = ""
    creators_queue_url: str = ""


class Dependencies:
    """The adapters of a warm function, created on first use; `transport` replaces the network.

    `client` replaces the network for addresses that somebody chose.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None, client: GuardedClient | None = None) -> None:
        self._transport = transport
        self._client = client

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @property
    def workspace(self) -> Workspace:
        """The settings that hold."""
        return self.workspaces.current()

    # -- readings

    @cached_property
    def stats(self) -> Stats:
        return Stats(dynamodb.table(self.settings.stats_table))

    @cached_property
    def milestones(self) -> Milestones:
        return Milestones(dynamodb.table(self.settings.milestones_table))

    @cached_property
    def history(self) -> History:
        return History(dynamodb.table(self.settings.history_table))

    # -- identity

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def api_keys(self) -> ApiKeys:
        return ApiKeys(dynamodb.table(self.settings.keys_table))

    @cached_property
    def user_pool(self) -> CognitoUserPool:
        return CognitoUserPool(user_pool.client(), self.settings.user_pool_id, self.settings.user_pool_client_id)

    @cached_property
    def sign_in_limits(self) -> SignInLimits:
        return SignInLimits(dynamodb.table(self.settings.signins_table))

    @cached_property
    def id_tokens(self) -> IdTokens:
        keys = SigningKeys(self._http, self.settings.user_pool_jwks_url)
        return IdTokens(keys, self.settings.user_pool_issuer, self.settings.user_pool_client_id)

    @cached_property
    def authenticator(self) -> Authenticator:
        return Authenticator(self.api_keys, self.id_tokens, self.revocations)

    @cached_property
    def revocations(self) -> Revocations:
        return Revocations(dynamodb.table(self.settings.sessions_table))

    @cached_property
    def sign_out(self) -> SignOut:
        return SignOut(self.revocations, sqs.queue(self.settings.broadcast_queue_url), now)

    @cached_property
    def session_end(self) -> SessionEnd:
        return SessionEnd(self.user_pool, self.id_tokens, self.sign_out)

    @cached_property
    def tickets(self) -> Tickets:
        return Tickets(dynamodb.table(self.settings.sessions_table))

    # -- channels

    @cached_property
    def subscribers(self) -> Subscribers:
        return Subscribers(dynamodb.table(self.settings.audience_table))

    @cached_property
    def channels(self) -> Channels:
        return Channels(dynamodb.table(self.settings.channels_table))

    @cached_property
    def platforms(self) -> Platforms:
        return Platforms(self._http)

    @following_settings
    def fetching(self, workspace: Workspace) -> Fetching:
        return Fetching(
            channels=self.channels,
            recording=Recording(
                channels=self.channels,
                stats=self.stats,
                rules_version=workspace.rules_version,
                plausibility=Plausibility.of(workspace),
            ),
            order=FetchOrder(dynamodb.table(self.settings.channels_table)),
            platforms=self.platforms,
            queue=sqs.queue(self.settings.fetch_queue_url),
        )

    @following_settings
    def statuses(self, workspace: Workspace) -> ChannelStatuses:
        return ChannelStatuses(
            channels=self.channels,
            stats=self.stats,
            milestones=self.milestones,
            rules=RuleSet.of(workspace).rules,
            stale_after=timedelta(seconds=workspace.stale_after_seconds),
            clock=now,
        )

    # -- the leaderboard

    @following_settings
    def rep_rules(self, workspace: Workspace) -> dict[str, Ladder]:
        return {
            rule.name: rule for rule in RuleSet.of(workspace).rules if rule.kind == KIND and isinstance(rule, Ladder)
        }

    @cached_property
    def avatars(self) -> Avatars:
        return Avatars.of(self.settings.avatar_hosts)

    @cached_property
    def boards(self) -> Boards:
        return Boards(dynamodb.table(self.settings.board_table), dynamodb.table(self.settings.leaderboard_table))

    @cached_property
    def rep_ids(self) -> RepIds:
        return RepIds(dynamodb.table(self.settings.leaderboard_table))

    @cached_property
    def badges(self) -> Badges:
        return Badges(dynamodb.table(self.settings.milestones_table))

    @following_settings
    def reps(self, workspace: Workspace) -> Reps:
        return Reps(stats=self.stats, boards=self.boards, rules=RuleSet.of(workspace), clock=now)

    # -- a product's users

    @following_settings
    def usage(self, workspace: Workspace) -> Usage:
        settings = self.settings
        return Usage(
            table=settings.usage_table,
            stats_table=settings.stats_table,
            milestones=settings.milestones_table,
            history=settings.history_table,
            queue=settings.webhook_queue_url,
            workspace=workspace,
        )

    # -- creators

    @cached_property
    def creators(self) -> CreatorRegistry:
        return CreatorRegistry(table=self.settings.creators_table, key=self.settings.webhook_key)

    @cached_property
    def creator_analytics(self) -> CreatorAnalytics:
        return CreatorAnalytics(
            table=self.settings.creators_table,
            queue_url=self.settings.creators_queue_url,
            fetch_queue_url=self.settings.fetch_queue_url,
            stats=self.stats,
            history=self.history,
            milestones=self.milestones,
        )

    # -- webhooks

    @cached_property
    def webhooks(self) -> Webhooks:
        settings = self.settings
        return Webhooks(
            table=settings.webhooks_table,
            key=settings.webhook_key,
            queue_url=settings.webhook_queue_url,
            targets=settings.webhook_allowed_targets,
            workspaces=self.workspaces,
            client=self._client,
        )

    @cached_property
    def _http(self) -> httpx.Client:
        return http.client(self._transport)
