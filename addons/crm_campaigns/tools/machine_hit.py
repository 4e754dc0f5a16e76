"""Who fetched something of a mail: told by the program that says its name, and by the
network it comes from.
"""

from ipaddress import ip_address, ip_network
from typing import NamedTuple

# what an entry says of whoever it fits
SCANNER, PREFETCH, PERSON = "scanner", "prefetch", "person"
OPEN, CLICK = "open", "click"


class Agent(NamedTuple):
    """:param pattern: part of what the program calls itself, in lower case; "": any
    :param network: such as ``17.0.0.0/8``; "": any
    :param takes: ``SCANNER``: a machine, whatever it fetches; ``PREFETCH``: one as far
        as pictures go, but people click through it; ``PERSON``: a person is behind it
    """

    pattern: str
    network: str
    takes: str

    def fits(self, user_agent, address):
        if not (self.pattern or self.network):
            return False
        if self.pattern and self.pattern not in user_agent:
            return False
        return not self.network or is_within(address, self.network)


def is_within(address, network):
    try:
        return ip_address(address or "") in ip_network(network, strict=False)
    except ValueError:
        return False


def is_network(text):
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def is_machine(agents, what, user_agent, address):
    """Whether a machine fetched it: True, False, or None when no entry knows.

    The first entry that fits holds, so a narrow one stands before a wide one.

    :param agents: list of ``Agent``, in order
    :param what: ``OPEN`` or ``CLICK``
    """
    user_agent = (user_agent or "").lower()
    for agent in agents:
        if agent.fits(user_agent, address):
            return agent.takes == SCANNER or (agent.takes == PREFETCH and what == OPEN)
    return None
