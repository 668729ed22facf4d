"""Texts that are a call of ``look_up``, as models write one where their server reads none."""

import json

LOOK_UP = ("look_up", {"query": "annual leave"})
WRITTEN = json.dumps({"name": LOOK_UP[0], "arguments": LOOK_UP[1]})
_ARGUMENTS = json.dumps(LOOK_UP[1])
_PYTHON = 'look_up(query="annual leave")'
_FUNCTION = json.dumps({"type": "function", "function": {"name": LOOK_UP[0], "arguments": _ARGUMENTS}})

IN_CODE = (
    f"```xml\n<tool_call>{WRITTEN}</tool_call>\n```",
    f"```\n<tool_call>\n{WRITTEN}\n</tool_call>\n```",
    f"```json\n// a search\n{WRITTEN}\n```",
    f"```json\nlook_up\n{WRITTEN}\n```",
    f"```json\n# a search\n\nlook_up:\n{WRITTEN}",
    f"~~~json\n{WRITTEN}\n~~~",
    f"````json\n{WRITTEN}\n````",
    f"```python\n{_PYTHON}\n```",
    f"```python\nprint(default_api.{_PYTHON})\n```",
    f"```py\n# a search\nresult = {_PYTHON}\nprint(result)\n```",
    "```\n<function=look_up>\n<parameter=query>\nannual leave\n</parameter>\n</function>\n```",
)
BARE = (
    f"**{WRITTEN}**",
    f"({WRITTEN})",
    f"[TOOL_REQUEST]\n{WRITTEN}\n[END_TOOL_REQUEST]",
    f'{{"role": "assistant", "content": null, "tool_calls": [{_FUNCTION}]}}',
    f'{{"thought": "I must \\"look\\".", {WRITTEN[1:]}',
    f'{{"reasoning": "{"I must look. " * 60}", {WRITTEN[1:]}',
    f'{{"action": {WRITTEN}}}',
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="look_up">\n'
    '<｜DSML｜parameter name="query" string="true">annual leave</｜DSML｜parameter>\n'
    "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.look_up:0<|tool_call_argument_begin|>"
    f"{_ARGUMENTS}<|tool_call_end|><|tool_calls_section_end|>",
    '<minimax:tool_call>\n<invoke name="look_up">\n<parameter name="query">annual leave</parameter>\n</invoke>',
    _PYTHON,
    f"print({_PYTHON})",
    f"[{_PYTHON}]",
    f"[{_PYTHON}]<|python_end|>",
    f"<|python_start|>[{_PYTHON}]<|python_end|>",
    f"[{_PYTHON}]\n<|eot_id|>",
    f"<tool_call>{_PYTHON}</tool_call>",
    f"<tool_call>[{_PYTHON}]</tool_call>",
    f"<function_calls>\n{_PYTHON}\n</function_calls>",
)
IN_WORDS = (  # %s is the call
    "I look for the salary structure.\n\n```json\n%s\n```",
    "I look for the format of the form.\n\n```\n%s\n```",
    "I must know what carry over means.\n\n~~~json\n%s\n~~~\n",
    "I look for words such as leave: %s",
    "I will look this up to be sure. " * 15 + "\n\n```json\n%s\n```",
    "You may carry over 240 hours [1]. %s",
    "You may carry over 240 hours [1].\n\n```json\n%s\n```",
    "Let me look.\n```json\n%s\n```\nI am waiting for the result.",
    "Let me look.\n%s\nI am waiting for the result.",
    "%s\n\nI am waiting for the result.",
)
