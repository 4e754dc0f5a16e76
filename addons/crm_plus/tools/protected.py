"""Fields that the system derives, and people shall not write by any way."""


def given_fields(env, vals) -> set[str]:
    """Return the names of what a caller of ``create`` or ``write`` gives.

    Also what comes by the context as a default: the client may send any.
    """
    return {*vals} | {
        key.removeprefix("default_")
        for key in env.context
        if key.startswith("default_")
    }
