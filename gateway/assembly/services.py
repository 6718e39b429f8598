"""Every service of the gateway, wired once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from config.files import abbreviations
from gateway.access.accounts import AccountService
from gateway.access.services import AccessServices
from gateway.assembly.ground import Ground, waiting_time
from gateway.assembly.intake import (
    build_bindings,
    build_intake,
    build_pollings,
    build_reconcilings,
    leased_tasks,
)
from gateway.assembly.operations import build_exchanges, build_health
from gateway.assembly.people import (
    build_access,
    build_alarm,
    build_browser,
    build_coordinators,
    build_figures,
    build_officers,
    build_operators,
    build_partners,
    build_replies,
)
from gateway.assembly.steps import (
    build_agency_queues,
    build_consumers,
    build_deliver,
    build_escalation,
    build_hiding,
    build_indexer,
    build_lane_watch,
    build_lanes,
    build_matters,
    build_notify,
    build_route,
    build_store_files,
    build_sweep,
)
from gateway.broker.base import DELIVERIES, MEDIA, NOTIFICATIONS, REPORTS
from gateway.casework.agencies import AgencyService
from gateway.casework.alerts import DutyService
from gateway.casework.browsing import ReportBrowser
from gateway.casework.coordinators import CoordinatorService
from gateway.casework.directory import Directory
from gateway.casework.figures import FigureService
from gateway.casework.officers import OfficerService
from gateway.casework.operators import OperatorService
from gateway.casework.partners import PartnerService
from gateway.casework.questions import UnansweredQuestions
from gateway.casework.route import Route
from gateway.casework.tracking import Tracking
from gateway.casework.triage import TriageService
from gateway.intake.connections import ConnectionTask
from gateway.intake.expiry import EXPIRE, Expiry
from gateway.intake.pages import PageIntake
from gateway.intake.polling import Polling
from gateway.intake.reassembly import Reassembly
from gateway.intake.receive import Intake
from gateway.intake.reconciling import Reconciling
from gateway.intake.unknown_receipts import UnknownReceipts
from gateway.media.access import AttachmentAccess
from gateway.media.store_files import StoreFiles
from gateway.operations.exchange_writer import ExchangeWriter
from gateway.operations.health import Health
from gateway.outbound.deliver import Deliver
from gateway.outbound.notify import Notify
from gateway.queues.agency_queues import AgencyQueueReview
from gateway.queues.consumer import Consumer, Step
from gateway.queues.due import EVERYWHERE, DueTask
from gateway.queues.escalation import Escalation
from gateway.queues.indexing import ReportIndexer
from gateway.queues.lane import Lane, LaneWatch
from gateway.queues.leased_task import LeasedTask
from gateway.queues.sweep import Sweep


@dataclass(frozen=True)
class Services(Ground):
    """Everything a process can do, wired: the services, the steps of the way, and the tasks."""

    intake: Intake
    pages: PageIntake
    files: AttachmentAccess
    tracking: Tracking
    access: AccessServices
    operators: OperatorService
    officers: OfficerService
    triage: TriageService
    agencies: AgencyService
    partners: PartnerService
    figures: FigureService
    coordinators: CoordinatorService
    browser: ReportBrowser
    duty: DutyService
    route: Route
    deliver: Deliver
    notify: Notify
    store_files: StoreFiles
    pollings: Mapping[str, Polling]
    reconcilings: Mapping[str, Reconciling]
    bindings: tuple[ConnectionTask, ...]
    reassembly: DueTask
    receipts: DueTask
    questions: DueTask
    expiry: Expiry
    alarm: DueTask
    consumers: tuple[Consumer, ...]
    lanes: tuple[Lane[Any], ...]
    lane_watch: LaneWatch
    sweep: Sweep
    agency_queues: AgencyQueueReview
    escalation: Escalation
    indexer: ReportIndexer
    exchanges: ExchangeWriter
    health: Health

    @property
    def accounts(self) -> AccountService:
        """Who may log in."""
        return self.access.accounts

    @property
    def duties(self) -> list[LeasedTask]:
        """What a poller does: polling, keeping connections, and catching up if so set."""
        return leased_tasks(self.settings, self.pollings, self.bindings, self.reconcilings)

    async def close_channels(self) -> None:
        """Let go of the connections to providers and agencies."""
        posts = (post.sender for post in self.roster.posts)
        for channel in {*self.channels.values(), *posts}:
            await channel.close()
        for method in self.methods.values():
            await method.close()


def wire(ground: Ground) -> Services:
    """Make every service; what two of them share is made once."""
    settings, store = ground.settings, ground.store
    intake = build_intake(ground)
    pages = PageIntake(intake, store)
    files = AttachmentAccess(ground.store, ground.attachments)
    duty = DutyService(store, ground.roster, ground.notifier)
    register, gazetteer = ground.parts.routing.register, ground.parts.gazetteer
    directory = Directory(register, gazetteer, abbreviations())
    hiding = build_hiding(ground)
    matters, replies = build_matters(ground, hiding), build_replies(ground)
    route, deliver = build_route(ground, duty, hiding, matters), build_deliver(ground)
    notify, store_files = build_notify(ground), build_store_files(ground)
    pollings, reconcilings = build_pollings(ground, pages), build_reconcilings(ground, pages)
    bindings = build_bindings(ground, intake)
    steps: dict[str, Step] = {
        REPORTS: route,
        DELIVERIES: deliver,
        NOTIFICATIONS: notify.resume,
        MEDIA: store_files,
    }
    lanes = build_lanes(ground, deliver, notify)
    return Services(
        **vars(ground),
        intake=intake,
        pages=pages,
        files=files,
        tracking=Tracking(ground.store, ground.seal),
        access=build_access(ground),
        operators=build_operators(ground, intake, files, directory, duty, matters),
        triage=TriageService(ground.store),
        officers=build_officers(ground, replies, files, directory),
        agencies=AgencyService(store, replies, ground.methods, ground.parts.routing.register),
        partners=build_partners(ground, directory),
        figures=build_figures(ground),
        coordinators=build_coordinators(ground, directory),
        browser=build_browser(ground, directory),
        duty=duty,
        route=route,
        deliver=deliver,
        notify=notify,
        store_files=store_files,
        pollings=pollings,
        reconcilings=reconcilings,
        bindings=bindings,
        reassembly=ground.due_task(Reassembly(intake, store, ground.seal)),
        receipts=ground.due_task(UnknownReceipts(intake, store, ground.seal)),
        questions=ground.due_task(UnansweredQuestions(store, waiting_time(settings))),
        expiry=Expiry(store, ground.cursor(EVERYWHERE, EXPIRE)),
        alarm=ground.due_task(build_alarm(ground)),
        consumers=build_consumers(ground, steps),
        lanes=lanes,
        lane_watch=build_lane_watch(ground, lanes),
        sweep=build_sweep(ground, deliver),
        agency_queues=build_agency_queues(ground),
        escalation=build_escalation(ground),
        indexer=build_indexer(ground),
        exchanges=build_exchanges(ground),
        health=build_health(
            ground, deliver, leased_tasks(settings, pollings, bindings, reconcilings), lanes
        ),
    )
