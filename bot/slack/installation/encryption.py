"""The encryption of tokens at rest: Fernet (AES-128-CBC, HMAC-SHA256), by keys that can be replaced.

The newest key encrypts; every key decrypts. Promises that a ciphertext serves for the workspace alone whose tokens
it holds: one that is copied to another row is refused. The only importer of ``cryptography``.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from agent.errors import SettingsError
from agent.settings import split_list
from bot.settings import BotSettings

NAME = "DOCENT_TOKEN_KEYS"
NEW_KEY = "'docent workspaces new-key' makes one"


@dataclass(frozen=True)
class BotTokens:
    """A workspace's token, and the one that renews it, where the app's tokens are rotated. Neither is shown."""

    bot: str
    refresh: str = ""

    def __repr__(self) -> str:
        return "BotTokens(**********)"


class TokenCipher:
    """Encrypts and decrypts; ``keys`` are the newest first. Thread-safe."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises :class:`SettingsError`, which quotes no key."""
        if not keys:
            raise SettingsError(f"{NAME} is not set: workspaces' tokens are encrypted with it; {NEW_KEY}.")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except (ValueError, TypeError):
            raise SettingsError(
                f"{NAME} holds something that is no key: each has 44 characters, and commas between; {NEW_KEY}."
            ) from None

    def encrypt(self, workspace: str, tokens: BotTokens) -> str:
        """Encrypts a workspace's tokens with the newest key."""
        content = json.dumps({"workspace": workspace, **asdict(tokens)})
        return self._fernet.encrypt(content.encode()).decode()

    def decrypt(self, workspace: str, ciphertext: str) -> BotTokens:
        """Decrypts a workspace's tokens; raises :class:`SettingsError` where no key fits."""
        try:
            content = json.loads(self._fernet.decrypt(ciphertext.encode()))
        except InvalidToken:
            raise SettingsError(
                f"The tokens of workspace {workspace} were encrypted with a key that {NAME} does not hold. Add "
                "that key again, behind the others, or install the app there anew."
            ) from None
        if content.pop("workspace") != workspace:
            raise SettingsError(f"The tokens stored for workspace {workspace} are another one's. Install it anew.")
        return BotTokens(**content)


def open_cipher(settings: BotSettings) -> TokenCipher:
    """Returns the cipher of the settings; raises :class:`SettingsError`."""
    keys = settings.token_keys.get_secret_value() if settings.token_keys else ""
    return TokenCipher(split_list(keys))


def make_key() -> str:
    """Makes a key."""
    return Fernet.generate_key().decode()
