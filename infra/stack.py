"""Cairn, as the picture in the README: from left to right, the path of a reading."""

from constructs import Construct

from infra.api import Api
from infra.audit import Audit
from infra.capability import Foundation
from infra.cdn import Cdn
from infra.cdn_key import CdnKey
from infra.channels import Channels
from infra.creators import Creators
from infra.dashboard import Dashboard
from infra.identity import Identity
from infra.leaderboard import Leaderboard
from infra.monitoring import Monitoring
from infra.packaging import Packaging
from infra.pages import Pages
from infra.parameters import Parameters
from infra.platforms import Platforms
from infra.queues import Queues
from infra.readings import Readings
from infra.realtime import Realtime
from infra.settings import Settings, SettingsError
from infra.tables import Tables
from infra.telegram import Telegram
from infra.usage import Usage
from infra.vault import Vault
from infra.viewers import Viewers
from infra.webhooks import Webhooks


class Cairn(Foundation):
    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        description = "Cairn: tells people the moment a number they care about passes a milestone"
        super().__init__(scope, construct_id, settings=settings, description=description)
        self.packaging = Packaging(self, "Packaging", target=settings.dependencies)
        self.cdn_key = CdnKey(self, "CdnKey")
        self.parameters = Parameters(self, "Parameters")
        self.platforms = Platforms(self, "Platforms")
        self.tables = Tables(self, "Tables")
        self.queues = Queues(self, "Queues")
        self.vault = Vault(self, "Vault")

        # schedule, fetch queue ─► fetch_stats ─► stats table
        channels = Channels(self, "Channels")
        # stats table ══stream══► detect_milestone ─► notify queue, broadcast queue
        #             ══stream══► record_history ─► history table
        # schedule ─► check_milestones ─► stats table
        readings = Readings(self, "Readings")
        # notify queue ─► notify ─► Telegram ─► telegram_webhook ─► subscribers
        telegram = Telegram(self, "Telegram")
        # broadcast queue ─► broadcast ─► WebSocket rooms; browser ─► WebSocket API ─► ws_connect ─► rooms
        realtime = Realtime(self, "Realtime")
        # browser, embed ─► viewer_heartbeat ─► presence table ─► count queue ─► count_viewers ─► stats table
        viewers = Viewers(self, "Viewers", realtime=realtime)
        # a product ─► ingest_usage ─► stats table
        usage = Usage(self, "Usage")
        # schedule, creators queue ─► sync_transactions ─► creators table
        # creators table ══stream══► roll_up_transactions ─► stats table
        # a platform's webhooks ─► creator_webhook ─► creators table
        creators = Creators(self, "Creators")
        # webhook queue ─► deliver_webhook ─► endpoints
        webhooks = Webhooks(self, "Webhooks")
        # schedule ─► month_rollover, erase_retired_reps ─► stats table, board table
        leaderboard = Leaderboard(self, "Leaderboard")
        # user pool ─► api ─► tables, fetch queue
        identity = Identity(self, "Identity")
        api = Api(self, "Api", identity=identity, realtime=realtime, webhooks=webhooks)
        # browser, Telegram, a product ─► CloudFront ─► pages, and the functions with a URL
        pages = Pages(self, "Pages")
        Cdn(
            self,
            "Cdn",
            pages=pages,
            api=api,
            telegram=telegram,
            viewers=viewers,
            usage=usage,
            realtime=realtime,
            creators=creators,
        )

        Audit(self, "Audit")
        self._check_reservations()
        Monitoring(
            self,
            "Monitoring",
            channels=channels,
            telegram=telegram,
            webhooks=webhooks,
            usage=usage,
            creators=creators,
        )
        Dashboard(
            self,
            "Dashboard",
            channels=channels,
            readings=readings,
            telegram=telegram,
            realtime=realtime,
            viewers=viewers,
            leaderboard=leaderboard,
            webhooks=webhooks,
            usage=usage,
            creators=creators,
        )

    def _check_reservations(self) -> None:
        """A reservation for a function that does not exist would keep nothing for anybody."""
        unknown = self.settings.reserved_concurrency.keys() - {function.name for function in self.registry.functions}
        if unknown:
            raise SettingsError(f"cdk.json, context:\n  reserved_concurrency: no function {', '.join(sorted(unknown))}")
