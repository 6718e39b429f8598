"""Private services for tests and benchmarks: RabbitMQ, PostgreSQL, nginx, Kannel, Chromium.

Every service lives in a folder and on ports of its own and is ended by the process id it was
started with; whatever runs on the standard ports of the machine is never touched. Nothing here
needs pytest or Kanal, so that benchmarks and fault runs start the same servers.

    ServiceMissing      a program is not installed here and cannot be; ``str()`` says which
"""

from tests.services.kannel import Kannel
from tests.services.nginx import Nginx
from tests.services.postgres import PostgresPair, PostgresServer
from tests.services.programs import ServiceMissing, chromium, free_ports
from tests.services.rabbit import RabbitCluster, RabbitNode

__all__ = [
    "Kannel",
    "Nginx",
    "PostgresPair",
    "PostgresServer",
    "RabbitCluster",
    "RabbitNode",
    "ServiceMissing",
    "chromium",
    "free_ports",
]
