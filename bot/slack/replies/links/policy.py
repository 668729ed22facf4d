"""Which addresses of an answer may be clicked, which are shown as text, and which are left out.

A host is allowed where the operator's settings or sources name it, or a document has its address there. An address
may be clicked where its host is allowed and it stands in what the turn found or was asked. One of another host is
shown as text where it stands there, and left out elsewhere.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from agent.translation.speech import mark, say_in_answer
from bot.slack.replies.links import addresses, live_markup
from bot.slack.replies.links.addresses import Address, AddressKind

LINK_REMOVED = mark("(link removed)")
# Of one site that nobody allowed, in one answer: a page that lists /a to /z would spell what it likes with them.
MOST_OF_A_SITE = 3


class LinkHosts:
    """The hosts that links may lead to: ``docs.example`` itself, ``*.example`` for all names below.

    >>> hosts = LinkHosts(["docs.example", "*.acme.example"])
    >>> hosts.allow("https://docs.example/a"), hosts.allow("https://x.acme.example"), hosts.allow("http://acme.example")
    (True, True, False)
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        listed = {name.strip().lower().rstrip(".") for name in names}
        self._names = {name for name in listed if name and not name.startswith("*.")}
        self._endings = tuple(name[1:] for name in listed if name.startswith("*.") and len(name) > 2)

    def allow(self, url: str) -> bool:
        """Returns whether a link to the web address may be clicked."""
        host = addresses.read_host(url)
        return host is not None and (host in self._names or host.endswith(self._endings))


class LinkPolicy:
    """Decides for one text. ``evidence`` returns the texts that addresses may come from; it may grow meanwhile."""

    def __init__(self, hosts: LinkHosts, evidence: Callable[[], Iterable[str]]) -> None:
        self._hosts, self._evidence = hosts, evidence
        self._read: tuple[str, ...] = ()
        self._known: Collection[str] = frozenset()
        self._shown: defaultdict[str, set[str]] = defaultdict(set)

    def begin(self) -> None:
        """Forgets what was shown: another text begins."""
        self._shown.clear()

    def is_known(self, url: str) -> bool:
        """Returns whether the evidence has the address, or one of a section of that page."""
        return addresses.to_key(url) in self._list_known()

    def is_linked(self, url: str) -> bool:
        """Returns whether the address may be clicked."""
        return self._hosts.allow(url) and self.is_known(url)

    def replace(self, address: Address, written: str) -> str | None:
        """Returns what takes the place of an address in a text; None where it may stay.

        ``written`` is how it stands in the text, which may differ from how it is read.
        """
        if address.kind is AddressKind.WORD or self._stays(address, written):
            return None
        if address.kind is AddressKind.MAIL or _is_short(address):
            return live_markup.part(address.text)
        if address.kind is AddressKind.NAME:
            return addresses.defuse(address.text) if self._count(address.text) else say_in_answer(LINK_REMOVED)
        known = next((text for text in (address.text, written) if self.is_known(text)), None)
        return addresses.defuse(known) if known and self._count(known) else say_in_answer(LINK_REMOVED)

    def replace_in_label(self, address: Address, written: str) -> str | None:
        """Returns the same for an address in the label of a link, which must not look like another address."""
        if address.kind is AddressKind.WORD or self._stays(address, written):
            return None
        if address.kind is not AddressKind.URL:
            return live_markup.part(address.text)
        return say_in_answer(LINK_REMOVED)

    def _stays(self, address: Address, written: str) -> bool:
        if addresses.BROADCAST.search(written):
            return False
        if address.kind is AddressKind.NAME:
            return self._hosts.allow(f"https://{address.text}")
        if address.kind is AddressKind.MAIL:
            return address.text == written and self.is_known(written)
        return self.is_linked(written)

    def _count(self, address: str) -> bool:
        """Counts an address of a host that is not allowed; returns whether it is one of few."""
        shown, key = self._shown[addresses.to_site(address)], addresses.to_key(address)
        if key not in shown and len(shown) >= MOST_OF_A_SITE:
            return False
        shown.add(key)
        return True

    def _list_known(self) -> Collection[str]:
        """Returns the keys of all addresses of the evidence, and of pages of which it has a section."""
        texts = tuple(self._evidence())
        if texts != self._read:
            found = [address.text for text in texts for address in addresses.find(text)]
            pages = [url.partition("#")[0] for url in found]
            self._read, self._known = texts, frozenset(map(addresses.to_key, [*found, *pages]))
        return self._known


def show_dead(address: Address, written: str) -> str | None:
    """Returns what takes the place of any address where none may be clicked, such as in a title."""
    if address.kind is AddressKind.WORD:
        return None
    return live_markup.part(address.text) if _is_short(address) else addresses.defuse(address.text)


def _is_short(address: Address) -> bool:
    """Returns whether it is a name that can carry nothing: `Booking.com`."""
    return address.kind is AddressKind.NAME and address.text.count(".") == 1
