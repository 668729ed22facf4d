"""Slack's markup as a person reads it."""

import re


def to_text(text: str) -> str:
    """Links by their label, entities as characters; mentions of people stay as they are."""
    text = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", r"\2 (\1)", text)
    text = re.sub(r"<(https?://[^>]+)>", r"\1", text)
    text = re.sub(r"<[#!][^|>]*\|([^>]*)>", r"\1", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def strip_markup(text: str) -> str:
    """The same, with mentions as plain ids: ``@U012AB3CD``, ``#C012AB3CD``, ``@here``."""
    text = re.sub(r"<@([A-Z0-9]+)(?:\|[^>]*)?>", r"@\1", text)
    text = re.sub(r"<#([A-Z0-9]+)\|?>", r"#\1", text)
    text = re.sub(r"<!(?:subteam\^)?([A-Za-z0-9]+)>", r"@\1", text)
    return to_text(text)
