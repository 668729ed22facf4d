"""What a part of the check found."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Something that is wrong, ``n`` times; ``remedy`` says what --repair does about it, and whether it did.

    One without a remedy has to be looked at by a person.
    """

    text: str
    n: int = 1
    remedy: str = ""
    is_repaired: bool = False


@dataclass(frozen=True)
class CheckedPart:
    """One part: what was looked at, in words, and what is wrong with it; a ``note`` is worth knowing anyway."""

    name: str
    looked_at: str
    faults: Sequence[Fault] = ()
    note: str = ""

    @property
    def is_well(self) -> bool:
        """Returns whether nothing is wrong, or nothing any more."""
        return all(fault.is_repaired for fault in self.faults)
