"""The kernel: the bounded loop, the model, sessions in Postgres, limits, settings, errors, observation.

Knows neither Slack nor documents nor any tool by name: it is handed tools, opening calls and a session.
"""

__version__ = "0.2.0"  # the distribution's version too: pyproject.toml reads it here
