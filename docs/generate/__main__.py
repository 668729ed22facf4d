"""Writes every generated part: ``python -m docs.generate``."""

import sys

from docs.generate import parts

if __name__ == "__main__":
    for path, text in parts.documents(with_licences=True).items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(parts.DOCS.parent)}\n")
