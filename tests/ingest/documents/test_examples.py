"""The examples in the docstrings are true."""

import doctest
from importlib import import_module

import pytest

from ingest.documents.formats import Format

MODULES = ["chunking", "converter", "formats", "links"]
MODULES += [f"readers.{name}" for name in ("reader", "html.html", "html.cells", "html.templates", "pdf.grid")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    module = import_module(f"ingest.documents.{name}")
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS, extraglobs={"Format": Format})
    assert result.attempted
    assert not result.failed
