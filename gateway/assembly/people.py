"""The services of people, and the alarm to those on duty."""

from gateway import components
from gateway.access.accounts import AccountService
from gateway.access.codes import CodeService
from gateway.access.log import AccessLog
from gateway.access.people import PeopleService
from gateway.access.services import AccessServices
from gateway.assembly.ground import Ground, names
from gateway.casework.alarm import Alarm
from gateway.casework.alerts import DutyService
from gateway.casework.browsing import ReportBrowser
from gateway.casework.coordinators import CoordinatorService
from gateway.casework.corrections import Corrections
from gateway.casework.directory import Directory
from gateway.casework.ended import EndedReports
from gateway.casework.figures import FigureService
from gateway.casework.matters import Matters
from gateway.casework.officers import OfficerService
from gateway.casework.operators import OperatorService
from gateway.casework.partners import PartnerService
from gateway.casework.replies import AgencyReplies
from gateway.intake.receive import Intake
from gateway.media.access import AttachmentAccess
from gateway.media.photos import PhotoStore
from gateway.media.store_files import clean_in
from gateway.outbound.methods import DEFAULT
from gateway.outbound.roster import Wording


def build_operators(
    ground: Ground,
    intake: Intake,
    files: AttachmentAccess,
    directory: Directory,
    duty: DutyService,
    matters: Matters,
) -> OperatorService:
    """Return the acts of operators."""
    return OperatorService(
        ground.store,
        ground.broker,
        intake,
        ground.notifier,
        directory,
        ground.parts.routing.register,
        ground.seal,
        files,
        sensitive=ground.parts.routing.topics.sensitive,
        duty=duty,
        ended=EndedReports(ground.store, matters),
        corrections=Corrections(
            ground.store,
            ground.notifier,
            ground.parts.routing,
            ground.parts.gazetteer,
            ground.seal,
            ground.now,
        ),
    )


def build_replies(ground: Ground) -> AgencyReplies:
    """Return the one way in which agencies' words are filed."""
    return AgencyReplies(ground.notifier, ground.parts.routing, ground.now)


def build_officers(
    ground: Ground, replies: AgencyReplies, files: AttachmentAccess, directory: Directory
) -> OfficerService:
    """Return the acts of people of an agency."""
    return OfficerService(
        ground.store,
        ground.notifier,
        replies,
        ground.parts.routing.register,
        directory,
        files,
        PhotoStore(ground.attachments, clean_in(ground.sandboxes.images)),
        mute=names(ground.channels, lambda c: not c.can_ask),
        phones=names(ground.channels, lambda c: c.by_phone),
    )


def build_access(ground: Ground) -> AccessServices:
    """Return who may log in, those who change that, and the log of it."""
    wanted = ground.settings.console
    codes = CodeService(ground.store, ground.seal)
    accounts = AccountService(
        ground.store,
        ground.seal,
        session_hours=wanted.session_hours,
        idle_minutes=wanted.idle_minutes,
        breaches=components.breach_list(ground.settings),
        codes=codes,
        codes_required=wanted.totp == "required",
    )
    register, gazetteer = ground.parts.routing.register, ground.parts.gazetteer
    people = PeopleService(ground.store, accounts, codes, register, gazetteer)
    return AccessServices(
        accounts, codes, people, AccessLog(ground.store), wanted.oidc, ground.seal
    )


def build_coordinators(ground: Ground, directory: Directory) -> CoordinatorService:
    """Return the acts of coordinators."""
    systems = {
        agency
        for agency, method in ground.methods.items()
        if method.block.token or any(each.block.method != DEFAULT for each in method.each)
    }
    register, gazetteer = ground.parts.routing.register, ground.parts.gazetteer

    def name(code: str) -> str:
        region = gazetteer.region(code)
        return region.name if region else "Indonesia"

    return CoordinatorService(
        ground.store, ground.notifier, register, directory, systems, name, ground.now
    )


def build_browser(ground: Ground, directory: Directory) -> ReportBrowser:
    """Return the list of all reports."""
    routing, gazetteer = ground.parts.routing, ground.parts.gazetteer
    topics = {id: row.name for id, row in routing.topics.rows.items()}
    channels = tuple(sorted(ground.channels))
    return ReportBrowser(ground.store, directory, routing.register, gazetteer, topics, channels)


def build_figures(ground: Ground) -> FigureService:
    """Return the figures of leaders."""
    routing = ground.parts.routing
    register, topics = routing.register, routing.topics.rows

    def agency_name(id: str) -> str:
        found = register.agency(id)
        return found.name if found else id

    return FigureService(
        ground.store,
        agency_name,
        lambda id: topics[id].name if id in topics else id,
        routing.calendar,
        routing.rules.limits,
        close=ground.settings.deadlines.close,
    )


def build_partners(ground: Ground, directory: Directory) -> PartnerService:
    """Return what partners may read."""
    topics = ground.parts.routing.topics
    return PartnerService(ground.store, ground.seal, topics, directory, ground.parts.gazetteer)


def build_alarm(ground: Ground) -> Alarm:
    """Return the alarm that goes to those on duty."""
    wanted, url = ground.settings.alerts, str(ground.settings.server.public_url)
    return Alarm(
        ground.store,
        ground.roster,
        Wording(ground.parts.texts, ground.parts.gazetteer, url),
        within=wanted.acknowledge_within_seconds,
        repeat=wanted.repeat,
    )
