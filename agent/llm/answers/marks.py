"""The marks that separate a model's reasoning from its answer, as chat templates and models write them."""

import re

_NAMES = (
    r"(?:[\w.-]{1,20}:)?(?:think(?:ing)?(?:_\w{1,20})?|thoughts?(?:_process)?|chain_of_thoughts?|cot|reason(?:ing)?"
    r"|reflection|scratchpad|antthinking|analysis|(?:inner|internal)_(?:monologue|thoughts?|thinking|reasoning))"
)
MARK = re.compile(
    rf"(?P<open><\|?\s*{_NAMES}(?:\s[^<>\n]{{0,200}})?\|?(?<!/)>|<\|(?:start|begin)_(?:of_)?{_NAMES}\|>|\[THINK\]|◁think▷"
    r"|<\|channel>\s*thought\b|<\|channel\|>\s*analysis\b[^<\n]{0,80}<\|message\|>)"
    rf"|(?P<close><\|?\s*/\s*{_NAMES}\s*\|?>|<\|end_(?:of_)?{_NAMES}\|>|\[/THINK\]|◁/think▷|<channel\|>)"
    r"|(?P<wrapper><\s*(?P<slash>/?)\s*(?:final_)?(?:answer|response|final)\s*>)"  # of the answer
    r"|(?P<end><\|end\|>)"  # of a message in Harmony's format: closes reasoning that is open
    # Other control marks of a chat template that a server left in the text.
    rf"|(?P<noise><\s*{_NAMES}\s*/>"
    r"|<\|start\|>\s*assistant|<\|channel\|>\s*final\b[^<\n]{0,80}<\|message\|>"
    r"|<\|(?:return|im_end|eot_id|eom_id|endoftext|end_of_text|(?:begin|end)_of_solution|(?:START|END)_RESPONSE)\|>)",
    re.IGNORECASE,
)
UNFINISHED = re.compile(  # the end of a text that may become a mark
    rf"(?:<\|?\s?/?\s?[\w.:|-]{{0,45}}\s?/?|<\|?\s*/?\s*{_NAMES}\s[^<>\n]{{0,200}}|<\|start\|>[^<\n]{{0,20}}"
    r"|<\|channel>\s?\w{0,7}|<\|channel\|>[^<\n]{0,80}(?:<[|\w]{0,9})?|\[/?[A-Z]{0,5}|◁/?\w{0,5})\Z",
    re.IGNORECASE,
)
WORD = re.compile(r"<\s*(?:reason|analysis|reflection|cot)\b", re.IGNORECASE)  # a tag that other texts have too
