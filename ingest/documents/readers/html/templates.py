"""Removes from Markdown what a site's builder would remove or replace, so that only the page's text remains.

That is template tags (Liquid, Jinja, Nunjucks, Hugo), attribute lists (``{.button}``) and footnote marks, which a
reader would take for citations. Promises to keep the text between block tags, except inside ``comment``, and the
braces in code, where they are usually the subject. Does not run a template: the body of a loop or a condition
appears once.
"""

import re

# The first alternative that matches wins, so a fence inside a comment is removed with the comment. Every
# repetition has a limit: otherwise each opening without an end would cost a search through the rest of the text.
_PIECES = re.compile(
    r"""
      (?P<comment>\{%-?\s*comment\b.{0,20000}?\{%-?\s*endcomment\s*-?%\}|\{\#.{0,2000}?\#\}|\{\{</\*.{0,500}?\*/>\}\}
        |\{\{[<%]\s*comment\b.{0,20000}?\{\{[<%]\s*/\s*comment\s*[>%]\}\}
        |\{::comment\}.{0,20000}?\{:/(?:comment)?\})
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
    """Returns the text that a reader of the built page would see, still as Markdown.

    >>> strip_tags("Ask in {% slack_channel 'travel' %}.{.note}")
    'Ask in #travel.'
    """
    return _PIECES.sub(_render, text)


def _render(piece: re.Match[str]) -> str:
    if piece["comment"] is not None or piece["output"] is not None or piece["mark"] is not None:
        return ""
    if piece["fence"] is not None or piece["code"] is not None:
        return _RAW_TAGS.sub("", piece[0])
    if piece["raw"] is not None:
        return piece["inside"]
    if piece["tag"] is not None:
        return _render_tag(piece["name"], piece["arguments"])
    return _render_tag(piece["shortname"], piece["shortarguments"])


def _render_tag(name: str, arguments: str) -> str:
    quoted = ["".join(groups) for groups in _QUOTED.findall(arguments)]
    if name in _IMAGES:
        label = _ALT.search(arguments)
        return (label[1] or label[2] or "") if label else quoted[-1] if len(quoted) > 1 else ""
    if not quoted:
        return ""
    if name in _CHANNELS:
        return "#" + quoted[0].lstrip("#")
    if name in _LINKS:
        return quoted[0].strip().replace(" ", "%20")  # it may be a link's target in Markdown
    return ""
