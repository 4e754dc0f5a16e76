"""Files that strangers send with a form: which are taken."""

import re

from odoo.tools.mimetypes import guess_mimetype

MAX_FILES = 10
MAX_SIZE = 10 * 1024 * 1024
MAX_TOTAL = 25 * 1024 * 1024
# What shows a problem: photos, papers, records of machines, short films. Nothing that a
# browser or an office program would run.
SAFE = {
    "image": "avif bmp gif heic heif jpeg jpg png tif tiff webp",
    "paper": "csv doc docx odp ods odt pdf ppt pptx rtf xls xlsx",
    "text": "eml json log md txt",
    "film": "3gp m4v mkv mov mp4 mpeg mpg webm",
    "sound": "aac m4a mp3 ogg wav",
    "pack": "7z gz zip",
}
EXTENSIONS = {
    extension: kind for kind, names in SAFE.items() for extension in names.split()
}
# what looks like a program or a page is one, whatever it is called
RUNS = re.compile(
    rb"\A\s*(?:MZ|\x7fELF|\xca\xfe\xba\xbe|#!|<\?php|<!doctype html|<html|<script|<svg"
    rb"|<\?xml[^>]*>\s*(?:<!--.*?-->\s*)*<(?:svg|html))",
    re.IGNORECASE | re.DOTALL,
)
UNSAFE_TYPES = ("html", "svg", "javascript", "x-dosexec", "x-sh", "x-msdownload")


def clean_name(name):
    """The name of a file without its folders and without what is no letter."""
    name = re.split(r"[\\/]", name or "")[-1]
    name = "".join(letter for letter in name if letter.isprintable()).strip(". ")
    stem, dot, extension = name.rpartition(".")
    return f"{stem[:100]}{dot}{extension[:10]}" if dot else name[:100]


def get_problem(name, content):
    """Why a file is not taken: ``type``, ``size`` or ``empty``; None when it is."""
    kind = EXTENSIONS.get(clean_name(name).rpartition(".")[2].lower())
    if not kind:
        return "type"
    if not content:
        return "empty"
    if len(content) > MAX_SIZE:
        return "size"
    if RUNS.match(content[:1024]):
        return "type"
    mimetype = guess_mimetype(content[:4096], default="")
    if any(unsafe in mimetype for unsafe in UNSAFE_TYPES):
        return "type"
    return None
