"""What a tool is, and how its arguments are read. The public door for a company's own tools::

from agent.tools import ToolContext, ToolResult, tool
"""

from agent.tools.definition import Asker, Tool, ToolContext, ToolLabels, ToolResult, tool
from agent.types import EVERYONE, Audience, Passage

__all__ = [
    "EVERYONE",
    "Asker",
    "Audience",
    "Passage",
    "Tool",
    "ToolContext",
    "ToolLabels",
    "ToolResult",
    "tool",
]
