"""Vocabularies with names that are easily confused, for the tests of expressions."""

from symbols import Attribute, Concept, Vocabulary

COLOURS = ("red", "blue", "white", "yellow", "dark yellow")
ROOMS = Vocabulary(
    (
        Attribute("wall", COLOURS),
        Attribute("floor", COLOURS),
        Attribute("object", COLOURS),
        Attribute("shape", ("hat", "ice lolly", "suitcase")),
    ),
    aliases={"dub": Concept({"shape": "ice lolly", "wall": "white"})},
)
AWKWARD = Vocabulary(
    (
        Attribute("hair_colour", ("salt and pepper", "salt", "redhead", "and", "in common")),
        Attribute("body type", ("no", "on", "1e-4", "(none)", "hat (red)", "a, b", "x: y", "in-common", "-")),
        Attribute("Wearing_Hat", binary=True),
        Attribute("5_o_Clock_Shadow", binary=True),
    ),
    aliases={"Black and White": Concept({"hair_colour": "salt and pepper", "Wearing_Hat": "yes"})},
)
SPRITES = Vocabulary(
    (
        Attribute("body", ("light", "tanned", "dark", "darkelf", "orc", "skeleton")),
        Attribute("shirt", ("brown", "maroon", "teal", "white")),
        Attribute("pants", ("magenta", "red", "teal", "white")),
        Attribute("hair_style", ("bangs", "jewfro", "longhawk", "messy1", "mohawk", "plain", "ponytail")),
        Attribute("hair_colour", ("black", "blonde", "brown", "pink", "redhead", "white")),
        Attribute("direction", ("back", "left", "front", "right")),
    )
)
