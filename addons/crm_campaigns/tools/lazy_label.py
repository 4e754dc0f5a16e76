"""Labels of kinds are class attributes: said in the language of whoever reads."""


def translate(env, label):
    """``label``, of ``LazyTranslate``, in the language of ``env``."""
    return env._(label)  # pylint: disable=unknown-option-value,gettext-variable
