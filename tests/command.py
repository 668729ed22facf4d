"""``docent`` as a command, forked from the zygote: half a second instead of the seconds its imports take."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system import ForkServer

SECONDS = 120


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Docent:
    """Call it with arguments, and what to add to its environment; it works in ``folder``."""

    zygote: ForkServer
    folder: Path
    env: Mapping[str, str]
    n_runs: int = field(default=0, init=False)

    def __call__(self, *arguments: str, **env: str) -> Done:
        self.n_runs += 1
        out, err, code = (self.folder / f"{name}-{self.n_runs}" for name in ("out", "err", "code"))
        files = {"folder": str(self.folder), "log": str(out), "errors": str(err), "code": str(code)}
        given = {"DOCENT_HOME": str(self.folder / "home"), "COLUMNS": "200", **self.env, **env}
        self.zygote.fork(arguments=arguments, env=given, **files).wait(SECONDS)
        return Done(int(code.read_text()), out.read_text(), err.read_text())
