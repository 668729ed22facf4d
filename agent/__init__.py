"""The kernel: one turn of a question (``turn``), the models (``llm``), what a tool is (``tools``), what a model
reads (``prompting``), sessions and their record in Postgres (``store``), settings, errors, observation.

Promises to know no tool, no source and no reply by name: it gets tools, opening calls and a session. Of Slack and
RQ it knows their Sentry integrations alone (``observability``); its sentences for people speak of documents.
"""

__version__ = "0.2.0"  # the distribution's version too: pyproject.toml reads it here
