"""Install ahead what the tests would install one by one: ``python -m tests.services``.

A test has two minutes; a Chromium on a slow line takes longer. What cannot be installed is named
and left to the tests that need it: they skip, or fail in CI.
"""

import sys
from collections.abc import Callable
from functools import partial

from tests.services.kannel import BEARERBOX, FAKESMSC
from tests.services.postgres import INITDB
from tests.services.programs import ServiceMissing, chromium, program
from tests.services.rabbit import SERVER

NEEDED: tuple[Callable[[], str], ...] = (
    partial(program, SERVER, "rabbitmq-server"),
    partial(program, INITDB, "postgresql"),
    partial(program, BEARERBOX, "kannel"),
    partial(program, FAKESMSC, "kannel-extras"),
    partial(program, ("swaks",), "swaks"),
    partial(program, ("/usr/lib/*/perl5/*/Net/SSLeay.pm",), "libnet-ssleay-perl"),
    chromium,
)
"""What is looked for, by Debian package. Net::SSLeay is what swaks speaks STARTTLS with."""
if sys.base_prefix == "/usr":  # Debian's Python comes without CPython's own corpus of mails
    PYTHON = "python{}.{}".format(*sys.version_info)
    CORPUS = f"/usr/lib/{PYTHON}/test/test_email/data"
    NEEDED += (partial(program, (CORPUS,), f"lib{PYTHON}-testsuite"),)


def main() -> None:
    """Say where each program is, installing those that are missing."""
    for find in NEEDED:
        try:
            sys.stdout.write(f"{find()}\n")
        except ServiceMissing as error:
            sys.stdout.write(f"MISSING: {error}\n")


if __name__ == "__main__":
    main()
