"""What a secret looks like, and how it is taken out of a text: keys, tokens, passwords, credentials in addresses.

The one place that knows: for documents as they are read in, answers, logs, error reports and records. Recognises
by shape (the rules of gitleaks, :mod:`.rules`) and by the words before a value (:mod:`.patterns`). Careful rather
than complete: a password that stands alone is not told from a word, and "the password policy" is none.
"""

from agent.secrets.masking import MASK, contains_secret, find_open_secret, mask, mask_all, redact, redact_json

__all__ = ["MASK", "contains_secret", "find_open_secret", "mask", "mask_all", "redact", "redact_json"]
