"""What the model may do. Each tool is one module of this folder, with all that is said about it: what the model
reads (its docstring) and what people read while it runs (its labels). There is no list to edit.

``registry`` finds the tools and ``custom_tools`` loads a company's own; ``passages`` and ``evidence`` are shared
by the tools that return passages; ``extractive`` is the answerer that needs no network, which searches too.
"""
