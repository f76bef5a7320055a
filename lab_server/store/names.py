"""Names that people choose for themselves: what one may be, and when two are the same to a reader.

Knows Unicode. Doesn't know whose names they are. Pure. A name comes out in NFC, without blanks at its ends or two in a row.
"""

from __future__ import annotations

import unicodedata

LONGEST = 40  # characters
_JOINERS = "\u200c\u200d"  # invisible, and yet needed: by Persian and Indic scripts, and within emoji
_REFUSED = {
    "Cc",
    "Cf",
    "Cs",
    "Co",
    "Cn",
    "Zl",
    "Zp",
}  # controls, bidi and other invisible ones, what is no character at all
_SEEN = {"L", "N", "S"}  # letters, numbers, symbols (emoji): a name has at least one
_MARKS = 4  # marks on one letter: no script needs more, and more run over the lines above and below


def normal(text: str, longest: int = LONGEST) -> str:
    """The name, as it is kept and shown. Raises ValueError with a sentence for who chose it."""
    if len(text) > 4 * longest:
        raise ValueError(f"A name has at most {longest} characters.")
    blanks = {char: " " for char in map(ord, text) if unicodedata.category(chr(char)) == "Zs"}
    name = unicodedata.normalize("NFC", text.translate(blanks))
    name = " ".join(part for part in name.split(" ") if part)
    marks = 0
    for at, char in enumerate(name):
        kind = unicodedata.category(char)
        if kind in _REFUSED and not (char in _JOINERS and _between(name, at)):
            raise ValueError("A name has no invisible characters: no line ends, tabs or marks of writing direction.")
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks > _MARKS:
            raise ValueError("A name has no more than four marks on one letter.")
    if not any(unicodedata.category(char)[0] in _SEEN for char in name):
        raise ValueError("A name has at least one letter, digit or picture.")
    if len(name) > longest:
        raise ValueError(f"A name has at most {longest} characters.")
    return name


def _between(name: str, at: int) -> bool:
    """Whether a joiner joins something: it stands between two that are neither blank nor joiners."""
    around = name[at - 1 : at] + name[at + 1 : at + 2]
    return at > 0 and len(around) == 2 and not set(around) & {" ", *_JOINERS}


def key(name: str) -> str:
    """Equal for names that read alike: case, width, ligatures, joiners and accents written otherwise don't tell them apart."""
    plain = "".join(char for char in unicodedata.normalize("NFKC", name) if char not in _JOINERS)
    folded = unicodedata.normalize("NFKC", plain.casefold())
    return " ".join(folded.split())[:128]
