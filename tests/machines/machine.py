"""One worker machine: Docent's processes in a namespace, with a home, temporary files and a name of their own."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.machines.network import Namespace, Network
from tests.proxy import Proxy
from tests.system import System

POSTGRES, REDIS, BUCKET, SLACK, MODEL = "postgres", "redis", "bucket", "slack", "model"
# By service, the variable in which Docent finds its address.
VARIABLES = {
    POSTGRES: "DATABASE_URL",
    REDIS: "REDIS_URL",
    BUCKET: "AWS_ENDPOINT",
    SLACK: "SLACK_API_URL",
    MODEL: "DOCENT_MODEL_API_BASE",
}


@dataclass(frozen=True)
class Machine:
    """A namespace, the proxies to what it uses, and the environment of what runs there."""

    host: str  # its name
    namespace: Namespace
    proxies: Mapping[str, Proxy]
    folder: Path
    env: Mapping[str, str]

    def run_here(self, system: System) -> System:
        """Returns a system whose processes run on this machine, of the workspace and database of another."""
        return System(system.zygote, system.workspace, system.database, self.folder, dict(self.env))

    @property
    def place(self) -> dict[str, str]:
        """What the fork server is told of where a process runs."""
        return {"namespace": self.namespace.name, "host": self.host, "folder": str(self.folder)}

    def command(self, *arguments: str) -> list[str]:
        """Returns the command line that runs ``docent`` with these arguments on this machine."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.host]
        docent = str(Path(sys.executable).with_name("docent"))
        return ["ip", "netns", "exec", self.namespace.name, *named, docent, *arguments]

    def refuse(self, service: str) -> None:
        """Closes the machine's connections to a service, and refuses new ones."""
        self.proxies[service].go_away()

    def accept(self, service: str) -> None:
        """Lets it connect again."""
        self.proxies[service].come_back()

    def vanish(self) -> None:
        """Ends the machine as a power cut does: its processes are dead, and nobody is told."""
        for service in self.namespace.cables:
            self.namespace.silence(service)
        self.namespace.kill_all()


@contextmanager
def open_machines(
    network: Network, namespaces: Sequence[Namespace], env: Mapping[str, str], folder: Path
) -> Iterator[list[Machine]]:
    """Makes a machine of each namespace; ``env`` is a process's here, whose services they reach by proxies."""
    with ExitStack() as stack:
        machines = []
        for n, namespace in enumerate(namespaces, 1):
            own = folder / f"machine-{n}"
            (own / "tmp").mkdir(parents=True)
            proxies = {
                # Docent has Postgres probe its clients, which test_vanished.py shows without a proxy between.
                service: stack.enter_context(
                    network.connect(namespace, service, env[variable], probes=service == POSTGRES)
                )
                for service, variable in VARIABLES.items()
                if variable in env and service in namespace.cables
            }
            addresses = {VARIABLES[service]: proxy.url for service, proxy in proxies.items()}
            here = {"DOCENT_HOME": str(own / "home"), "TMPDIR": str(own / "tmp")}
            machines.append(Machine(f"machine-{n}", namespace, proxies, own, {**env, **addresses, **here}))
            stack.callback(namespace.kill_all)
        yield machines
