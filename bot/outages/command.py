"""What a command says when it ends because something it needs is away."""

import json
from pathlib import Path

import redis
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

import agent.settings
import bot.settings
from bot.outages import machine, postgres
from bot.outages import redis as redis_
from bot.outages.diagnosis import Diagnosis

LOOPBACK = {"127.0.0.1", "localhost"}


def explain(error: Exception) -> Diagnosis | None:
    """Says what is away or wrong, in the words of 'docent doctor'; None where the error is a bug of ours."""
    settings = agent.settings.load()
    home = settings.home.expanduser().absolute()
    if isinstance(error, SQLAlchemyError) and postgres.is_outage(error):
        return explain_database(error)
    if isinstance(error, redis.RedisError) and (url := bot.settings.load().redis_url):
        return redis_.explain(error, url.get_secret_value())
    return machine.explain(error, home=home) if isinstance(error, OSError) else None


def explain_database(error: Exception, url: str | None = None) -> Diagnosis:
    """Says what is wrong with the database, that of the settings unless another is given, or the embedded one."""
    settings = agent.settings.load()
    home = settings.home.expanduser().absolute()
    url = url or (settings.database_url.get_secret_value() if settings.database_url else "")
    outage = postgres.explain(error, url)
    if _is_embedded(url, home):
        log = home / "postgres" / "server.log"
        return Diagnosis(outage.text, f"It is the embedded server, whose log is {log}. Start the command again.")
    return outage


def _is_embedded(url: str, home: Path) -> bool:
    try:
        state = json.loads((home / "postgres" / "server.json").read_text())
        parsed = make_url(url)
    except (OSError, ValueError):
        return False
    return parsed.host in LOOPBACK and parsed.port == state.get("port")
