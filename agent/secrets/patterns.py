"""Secrets known by what stands around them, and keys in forms that gitleaks' rules are too strict for in prose."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LABEL = (
    r"(?:password|passwd|passwort|kennwort|secret|token|api[ _-]?key|pwd|passcode|passphrase|contraseña|senha"
    r"|mot de passe|wachtwoord|hasło|lösenord|adgangskode|пароль)"
)
_LABEL_HINTS = (  # one of which each label has, in lower case
    *("passw", "kennwort", "secret", "token", "api key", "api_key", "api-key", "apikey", "pwd", "passcode"),
    *("passphrase", "contraseña", "senha", "mot de passe", "wachtwoord", "hasło", "lösenord", "adgangskode"),
    *("пароль", "パスワード", "密码", "密碼"),
)
_SAID = r"(?:is|lautet|[:=：]|=>)"
_PLACEHOLDER = r"(?:pass(?:word)?|pw|passwd|secret|token|key|xxx+)"


@dataclass(frozen=True)
class SecretShape:
    """One kind of secret. ``hints`` are texts without one of which there is none, in lower case.

    What is taken out is the group of the pattern, or all of it.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


SHAPES = (
    SecretShape(
        ("private key",),
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
    ),
    SecretShape(
        ("xox", "xapp-"), re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}")
    ),  # Slack
    SecretShape(
        ("hooks.slack.com",),
        re.compile(r"https://hooks\.slack\.com/(?:services|workflows|commands|triggers)/[\w/+-]{10,}"),
    ),
    SecretShape(  # OpenAI, Anthropic, Stripe
        ("sk-", "sk_", "pk-", "pk_", "rk-", "rk_"),
        re.compile(r"\b(?:sk|pk|rk)[-_](?=[A-Za-z_-]*\d)(?=[\w-]{0,40}?[A-Za-z0-9]{12})[A-Za-z0-9_-]{16,}"),
    ),
    SecretShape(
        ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
        re.compile(r"\bgh[opsur]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"),
    ),
    SecretShape(("glpat-", "gldt-", "glrt-", "glft-"), re.compile(r"\bgl(?:pat|dt|rt|ft)-[A-Za-z0-9_-]{16,}")),
    SecretShape(("akia", "aiza"), re.compile(r"\bAKIA[0-9A-Z]{12,}|\bAIza[0-9A-Za-z_-]{30,}")),  # AWS, Google
    SecretShape(
        ("aws",),
        re.compile(
            r"(?i:aws[\w -]{0,20}(?:secret|key)[\w -]{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
            r"([A-Za-z0-9/+]{40})(?!\w)"
        ),
    ),
    SecretShape(("ya29.",), re.compile(r"\bya29\.[0-9A-Za-z_-]{20,}")),
    SecretShape(
        ("npm_", "hf_", "dop_v1_", "doo_v1_", "glsa_"),
        re.compile(r"\b(?:npm|hf|dop_v1|doo_v1|glsa)_(?=[A-Za-z_]*\d)[A-Za-z0-9_]{16,}"),
    ),
    SecretShape(("sg.",), re.compile(r"\bSG\.[\w-]{10,}\.[\w-]{10,}")),
    SecretShape(
        ("dckr_pat_", "gocspx-", "whsec_", "ntn_", "figd_", "sbp_", "nrak-"),
        re.compile(r"\b(?:dckr_pat_|GOCSPX-|whsec_|ntn_|figd_|sbp_|NRAK-)(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}"),
    ),
    SecretShape(
        ("/api/webhooks/", ".webhook.office.com/"),
        re.compile(
            r"https://[\w.-]{1,100}(?:/api/webhooks/\d{10,25}/[\w-]{20,}|\.webhook\.office\.com/[\w@/-]{20,})"
        ),
    ),
    SecretShape(("sig=",), re.compile(r"[?&]sig=([\w%+/-]{30,})")),  # of an address of Azure's storage
    SecretShape(("accountkey=",), re.compile(r"AccountKey=([A-Za-z0-9+/]{20,}={0,2})")),  # Azure
    SecretShape(
        ("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)?")
    ),  # JSON Web Tokens
    SecretShape(
        ("bearer", "basic "),
        re.compile(
            r"(?i:bearer|basic):?[ \t]+"
            r"((?=[A-Za-z+/_.-]*\d)(?=[\w+/.-]{0,80}?[A-Za-z0-9]{12})[A-Za-z0-9+/_.-]{16,}={0,2})"
        ),
    ),
    SecretShape(  # https://user:password@host, but for words that stand for one
        ("://",),
        re.compile(
            rf"://[^\s/@:\"'<>]{{0,100}}:(?!(?i:{_PLACEHOLDER})@)"
            r"((?:[^\s/@:\"'<>{}$\[\]%*…]|%[0-9a-fA-F]{2}){1,200})@(?=[\w\[])"
        ),
    ),
    # "password: hunter2". Bounded: a model can be made to write "token:token:…", which would take quadratic time.
    SecretShape(
        _LABEL_HINTS,
        re.compile(
            rf"(?i:(?:(?<![A-Za-z0-9?&]){_LABEL}|パスワード|密码|密碼)[\"']?\s*{_SAID}[:\s\"'`*]*"
            r"(?![\w.]{1,80}\(|[$#]?\{)([a-z!$#@%&?+][^\s\d\"'`]{0,100}\d[^\s\"'`*]*|(?=[\d_]*[a-z])\d\w{7,}))"
        ),
    ),
)
# Keys in the wrong case, or without the digit that tells one from a hyphenated word.
LIKELY_KEY = re.compile(
    r"\b(?:AKIA[0-9A-Z]{12,}|gh[opsu]_\w{20,}|xox[abeprs]-[\w-]{10,}|sk-[\w-]{16,}|eyJ[\w-]{10,}\.[\w-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY",
    re.IGNORECASE,
)
# The beginning of one at a text's end: what follows decides.
OPEN = re.compile(rf"(?i:\b(?:{_LABEL}|api)[\"']?\s*(?:{_SAID}[:\s\"'`*]*)?\Z|\b(?:bearer|basic)\s*\Z)")


def find(text: str, lower: str) -> Iterator[tuple[int, int]]:
    """Yields where secrets of any shape stand; ``lower`` is the text in lower case."""
    for shape in SHAPES:
        if any(hint in lower for hint in shape.hints):
            for match in shape.pattern.finditer(text):
                yield match.span(shape.pattern.groups)
