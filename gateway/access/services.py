"""What a portal of people needs: who is there, who changes that, and the log of it."""

from dataclasses import dataclass

from config.settings import OidcSettings
from gateway.access.accounts import AccountService
from gateway.access.codes import CodeService
from gateway.access.log import AccessLog
from gateway.access.people import PeopleService
from gateway.platform.seal import Seal


@dataclass(frozen=True, slots=True)
class AccessServices:
    """Accounts, those who change them, and the log of what people do."""

    accounts: AccountService
    codes: CodeService
    people: PeopleService
    log: AccessLog
    oidc: OidcSettings
    """The log-in provider, if one is set."""
    seal: Seal
