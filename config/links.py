"""Links to the services we stand on: in the clear only within one machine."""

from ipaddress import ip_address
from urllib.parse import parse_qs, unquote, urlsplit

CLEAR = "{} leads to another machine in the clear: use {}, or say insecure = true"
_TLS = frozenset({"require", "verify-ca", "verify-full"})


def is_safe(url: str, encrypted: str) -> bool:
    """Tell whether a URL has the encrypted scheme, or stays on this machine; "" is no link."""
    try:
        split = urlsplit(url)
        return not url or split.scheme == encrypted or is_own(split.hostname or "")
    except ValueError:
        return False


def database_is_safe(url: str) -> bool:
    """Tell whether a database's URL asks for TLS, or stays on this machine."""
    if not url.startswith("postgresql"):
        return True
    try:
        split = urlsplit(url)
        options = parse_qs(split.query)
        hosts = [split.hostname or "", *options.get("host", []), *options.get("hostaddr", [])]
    except ValueError:
        return False
    named = [unquote(host) for each in hosts for host in each.split(",") if host]
    own = all(host.startswith("/") or is_own(_name(host)) for host in named)
    return own or options.get("sslmode", [""])[-1] in _TLS


def _name(host: str) -> str:
    """Return a host of a list without its port; an address of IPv6 has more colons than one."""
    return host.partition(":")[0] if host.count(":") == 1 else host


def is_own(host: str) -> bool:
    """Tell whether a host is this machine; a name counts only where it is ``localhost``."""
    if host in {"", "localhost"}:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
