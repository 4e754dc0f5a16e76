"""What people and their clients shall not do by any way: write fields that the system
derives, or pass for the system.
"""


class Marker(str):
    """The value of a context key that only the server sets.

    What a client sends in its context is never of this class; else it is text as any,
    so that the context goes wherever contexts go.
    """

    __slots__ = ()


def is_marked(env, key) -> bool:
    """Whether ``key`` of the context was set by us, not by the client."""
    return isinstance(env.context.get(key), Marker)


def given_fields(env, vals) -> set[str]:
    """Return the names of what a caller of ``create`` or ``write`` gives.

    Also what comes by the context as a default: the client may send any.
    """
    return {*vals} | {
        key.removeprefix("default_")
        for key in env.context
        if key.startswith("default_")
    }
