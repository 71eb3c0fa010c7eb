"""The section about what networks learnt without targets: their features, and what they make."""

from __future__ import annotations

from methodic.evidence.closer.representation import Picture
from methodic.report import blocks
from methodic.report.folder import Folder
from methodic.report.sections import Pictures, pictures
from methodic.report.tables import representation as tables

_WORDS = (
    "Of each confirmed cohort’s best network: how well a linear model of its features, and their "
    "five nearest training rows, predict validation rows; of how many equally strong, unrelated "
    "features they are worth (effective rank), and the share of them without variance, both on "
    "training rows with and without a target. In "
    "brackets the same network before its first step; “pretrained” is how the last stage without "
    "targets left it. Validation rows also chose the weights, so "
    "these numbers order representations; they are no claim about new rows."
)
_TITLES = {
    "reconstructions": "Rows, and what the decoder gives back",
    "hidden": "Hidden patches, told from the rest",
    "samples": "Made out of random numbers",
}
_CAPTIONS = {
    "reconstructions": "Above: validation rows. Below: what is left of them behind the encoder "
    "and the decoder of {method}.",
    "hidden": "Above: validation rows. Between: what {method} sees of them. Below: what it puts "
    "into the patches that were hidden.",
    "samples": "What {method} makes of random numbers. No row stands behind these images.",
}


def section(folder: Folder, found: Pictures) -> str:
    """Features of methods that learn without targets; nothing where there is none."""
    seen = folder.representations
    if seen is None or not seen.networks:
        return ""
    parts = [
        "<section><h2>Representation</h2>",
        blocks.fine(_WORDS),
        blocks.table(tables.representation(seen.networks)),
        pictures(found, "features"),
    ]
    if seen.shown is not None:
        method = seen.shown.quality.method
        parts += [_picture(each, method) for each in seen.shown.pictures]
    return "".join([*parts, "</section>"])


def _picture(each: Picture, method: str) -> str:
    caption = _CAPTIONS[each.kind].format(method=method)
    if each.stage:
        caption += f" As stage ‘{each.stage}’ left the network, before later ones changed it."
    return blocks.image(_TITLES[each.kind], caption, each.png, each.width, each.height)
