"""The library: sources, conversion, splitting, embedding, and the LanceDB index, written and read here."""
