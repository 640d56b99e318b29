"""Cairn, as the picture in the README: left to right, the way of a reading."""

from aws_cdk import Environment, Stack
from constructs import Construct

from infra.broadcasting import Broadcasting
from infra.detection import Detection
from infra.fetching import Fetching
from infra.front import Front
from infra.history import History
from infra.http import Http
from infra.notifying import Notifying
from infra.packaging import Packaging
from infra.pages import Pages
from infra.people import People
from infra.platforms import Platforms
from infra.presence import Presence
from infra.queues import Queues
from infra.settings import Settings
from infra.sockets import Sockets
from infra.tables import Tables
from infra.turning import Turning
from infra.viewers import Viewers
from infra.watching import Watching


class Cairn(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Cairn: tells people the moment a number they care about passes a milestone",
            env=Environment(region=settings.region or None),
            termination_protection=settings.production,
            analytics_reporting=False,
        )
        packaging = Packaging(self, "Packaging", target=settings.dependencies)
        platforms = Platforms(self, "Platforms", settings=settings)
        people = People(self, "People", settings=settings)
        viewers = Viewers(self, "Viewers", settings=settings)
        tables = Tables(self, "Tables", settings=settings)
        queues = Queues(self, "Queues", settings=settings)

        # schedule, fetch queue ─► fetch_stats ─► stats table
        fetching = Fetching(
            self,
            "Fetching",
            settings=settings,
            packaging=packaging,
            platforms=platforms,
            tables=tables,
            queues=queues,
        )
        # stats table ══stream══► detect_milestone ─► notify queue, broadcast queue
        detection = Detection(
            self,
            "Detection",
            settings=settings,
            packaging=packaging,
            viewers=viewers,
            tables=tables,
            queues=queues,
        )
        # notify queue ─► notify ─► Telegram
        notifying = Notifying(
            self,
            "Notifying",
            settings=settings,
            packaging=packaging,
            platforms=platforms,
            tables=tables,
            queues=queues,
        )
        # stats table ══stream══► record_history ─► history table
        history = History(self, "History", settings=settings, packaging=packaging, tables=tables, queues=queues)
        # browser ─► WebSocket API ─► ws_connect ─► connections table, presence table
        sockets = Sockets(
            self,
            "Sockets",
            settings=settings,
            packaging=packaging,
            viewers=viewers,
            tables=tables,
            queues=queues,
        )
        # browser, embed ─► viewer_heartbeat ─► presence table ─► count queue ─► count_viewers ─► stats table
        presence = Presence(
            self,
            "Presence",
            settings=settings,
            packaging=packaging,
            viewers=viewers,
            tables=tables,
            queues=queues,
            sockets=sockets,
        )
        # broadcast queue ─► broadcast ─► WebSocket rooms
        broadcasting = Broadcasting(
            self,
            "Broadcasting",
            settings=settings,
            packaging=packaging,
            tables=tables,
            queues=queues,
            sockets=sockets,
        )
        # schedule ─► turn_month ─► stats table
        turning = Turning(self, "Turning", settings=settings, packaging=packaging, tables=tables, queues=queues)
        # browser, Telegram ─► CloudFront ─► pages, api, telegram_webhook, viewer_heartbeat
        http = Http(
            self,
            "Http",
            settings=settings,
            packaging=packaging,
            platforms=platforms,
            people=people,
            tables=tables,
            queues=queues,
            sockets=sockets,
        )
        pages = Pages(self, "Pages", settings=settings)
        Front(self, "Front", http=http, presence=presence, pages=pages, sockets=sockets)
        Watching(
            self,
            "Watching",
            settings=settings,
            platforms=platforms,
            queues=queues,
            fetching=fetching,
            detection=detection,
            history=history,
            notifying=notifying,
            sockets=sockets,
            presence=presence,
            broadcasting=broadcasting,
            turning=turning,
            http=http,
        )
