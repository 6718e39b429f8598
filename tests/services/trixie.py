"""Put another Debian with RabbitMQ 4 into a folder: ``python -m tests.services.trixie FOLDER``.

Run by hand, as root: it takes about a minute and 450 MB. ``TEST_RABBITMQ=FOLDER`` then lets
every test, benchmark and fault run use it (see ``tests.services.rabbit``). Remove it by removing
the folder; nothing runs there after a test and nothing stays mounted.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.services.programs import ServiceMissing, program
from tests.services.rabbit import CHOSEN, entering

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
STAYS_DOWN = "#!/bin/sh\nexit 101\n"
"""What Debian asks before it starts a service that it has just installed."""


def install(root: Path) -> None:
    """Make the folder. Raises ``ServiceMissing`` and ``subprocess.CalledProcessError``."""
    if os.geteuid() != 0:
        raise ServiceMissing("debootstrap and chroot take root")
    debootstrap = program(("debootstrap", "/usr/sbin/debootstrap"), "debootstrap")
    if not (root / "usr" / "bin" / "apt-get").exists():
        subprocess.run([debootstrap, "--variant=minbase", SUITE, str(root), MIRROR], check=True)
    policy = root / "usr" / "sbin" / "policy-rc.d"
    policy.write_text(STAYS_DOWN)
    policy.chmod(0o755)
    for name in ("hosts", "resolv.conf"):
        shutil.copyfile(Path("/etc") / name, root / "etc" / name)
    apt = [*entering(root), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--no-install-recommends", "rabbitmq-server"], check=True)


def main() -> None:
    """Make the folder that is named and say how it is used."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.executable} -m tests.services.trixie FOLDER")
    root = Path(sys.argv[1]).absolute()
    try:
        install(root)
    except (ServiceMissing, subprocess.CalledProcessError) as error:
        sys.exit(f"no RabbitMQ in {root}: {error}")
    sys.stdout.write(f"{CHOSEN}={root} make test\n")


if __name__ == "__main__":
    main()
