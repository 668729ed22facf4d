"""Two estimates of tokens that need no tokenizer, so that they do not change with the model.

One must not be too low: it bounds what a prompt costs and whether it fits the model's window. The other is
right on average: it sizes chunks of documents and foretells what embedding them costs.
"""

BYTES_PER_PROMPT_TOKEN = 3  # rather few; English has four, hashes and code have two
CHARS_PER_PROSE_TOKEN = 4  # English prose in the usual tokenizers


def estimate_prompt_tokens(value: object) -> int:
    """Estimates, rather too high, how many tokens JSON has in a prompt; Chinese has three bytes and one token a
    character."""
    return len(str(value).encode("utf-8", "replace")) // BYTES_PER_PROMPT_TOKEN


def estimate_prose_tokens(n_chars: int) -> int:
    """Estimates how many tokens prose of ``n_chars`` characters has, rounded up."""
    return -(-n_chars // CHARS_PER_PROSE_TOKEN)
