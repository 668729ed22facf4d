"""That the quick look at a text passes over nothing that would be removed."""

from agent import hidden_characters


def test_whatever_may_be_removed_or_replaced_is_suspect() -> None:
    every = "a".join(map(chr, range(0x110000)))
    changed = {
        *hidden_characters._INVISIBLE.findall(every),
        *hidden_characters._INVISIBLE.findall("".join(map(chr, range(0x110000)))),
        *map(chr, hidden_characters._BREAKS),
    }
    assert [f"U+{ord(text):04X}" for text in changed if not hidden_characters._SUSPECT.search(text)] == []
