"""What a page's builder takes out of Markdown, or replaces by text: template tags (Liquid, Jinja, Nunjucks,
Hugo), attribute lists (``{.button}``) and footnote marks, which a reader would take for citations.

Promises: what stands between block tags stays, except inside ``comment``; code keeps its braces, because in
code they are usually the subject. Does not run a template: a loop or a condition leaves its body once.
"""

import re

# The first alternative that matches at a place wins, so a fence inside a comment goes with the comment.
# Every repetition has a limit: an opening without an end would otherwise be searched for to the end each time.
_PIECES = re.compile(
    r"""
      (?P<comment>\{%-?\s*comment\b.{0,20000}?\{%-?\s*endcomment\s*-?%\}|\{\#.{0,2000}?\#\}|\{\{</\*.{0,500}?\*/>\}\})
    | (?P<fence>^[ ]{0,12}(?P<ticked>```+|~~~+).*?(?:^[ ]*(?P=ticked)[`~]*[ ]*$|\Z))
    | (?P<raw>\{%-?\s*raw\s*-?%\}(?P<inside>.{0,20000}?)\{%-?\s*endraw\s*-?%\})
    | (?P<code>(?<!`)(?P<ticks>`+)[^\n`](?:[^\n]{0,2000}?[^\n`])??(?P=ticks)(?!`))
    | (?P<tag>\{%[-+]?\s*(?P<name>[\w-]*)(?P<arguments>.{0,500}?)[-+]?%\})
    | (?P<short>\{\{[<%]\s*/?(?P<shortname>[\w-]*)(?P<shortarguments>.{0,500}?)/?[>%]\}\})
    | (?P<output>\{\{.{0,500}?\}\})
    | (?P<mark>\{:?[ ]?[.\#][\w-][^{}\n]{0,200}\} | \{:[^{}\n]{0,200}\} | \[\^[\w-]{1,50}\]:?)
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_RAW_TAGS = re.compile(r"\{%-?\s*(?:end)?raw\s*-?%\}")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'|“([^”]*)”")
_ALT = re.compile(r"\b(?:alt|caption|title)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")

_LINKS = {"page", "link", "url", "ref", "relref", "post_url", "download", "asset", "doc"}
_CHANNELS = {"slack_channel", "channel"}
_IMAGES = {"image", "image_with_class", "img", "figure", "picture"}


def strip_tags(text: str) -> str:
    """The text a reader of the built page would see, still Markdown."""
    return _PIECES.sub(_rendered, text)


def _rendered(piece: re.Match[str]) -> str:
    if piece["comment"] is not None or piece["output"] is not None or piece["mark"] is not None:
        return ""
    if piece["fence"] is not None or piece["code"] is not None:
        return _RAW_TAGS.sub("", piece[0])
    if piece["raw"] is not None:
        return piece["inside"]
    if piece["tag"] is not None:
        return _tag(piece["name"], piece["arguments"])
    return _tag(piece["shortname"], piece["shortarguments"])


def _tag(name: str, arguments: str) -> str:
    quoted = ["".join(groups) for groups in _QUOTED.findall(arguments)]
    if name in _IMAGES:
        named = _ALT.search(arguments)
        return (named[1] or named[2] or "") if named else quoted[-1] if len(quoted) > 1 else ""
    if not quoted:
        return ""
    if name in _CHANNELS:
        return "#" + quoted[0].lstrip("#")
    if name in _LINKS:
        return quoted[0].strip().replace(" ", "%20")  # it may stand where Markdown wants a link's target
    return ""
