"""What a tool is, and how its arguments are read: the public door, ``from agent.tools import tool``."""

from agent.tools.definition import Tool, ToolContext, ToolResult, tool
from agent.types import EVERYONE, Audience, Passage

__all__ = ["EVERYONE", "Audience", "Passage", "Tool", "ToolContext", "ToolResult", "tool"]
