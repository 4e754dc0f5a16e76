"""Words of people as PostgreSQL searches them: each language in its own way."""

import re

MAX_WORDS = 12
MAX_WORD = 50
# the configurations that PostgreSQL brings, by ISO code; others are searched as they
# are written ("simple")
CONFIGS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
SIMPLE = "simple"


def get_config(lang, available):
    """Return the text search configuration for a language code such as ``de_CH``."""
    config = CONFIGS.get((lang or "").partition("_")[0])
    return config if config in available else SIMPLE


def split_words(text):
    """Return the first words of what somebody typed: letters and digits only, so that
    none of them means anything to the parser of queries.
    """
    words = re.findall(r"[^\W_]+", (text or "")[:1000].lower())
    return list(dict.fromkeys(word[:MAX_WORD] for word in words))[:MAX_WORDS]


def query_words(text):
    """Return ``to_tsquery`` terms of a text; the last word may not be finished."""
    words = split_words(text)
    return [
        f"'{word}':*" if word == words[-1] and len(word) > 2 else f"'{word}'"
        for word in words
    ]
