"""Lines that stand under a picture, told by the credit that they end in."""

from __future__ import annotations

import re

__all__ = ["AGENCIES", "AGENCY_PATTERN", "is_caption"]

AGENCIES: dict[str, str] = {
    "AFP": "AFP",
    "Agence France-Presse": "AFP",
    "AP": "AP",
    "Associated Press": "AP",
    "The Associated Press": "AP",
    "Reuters": "Reuters",
    "REUTERS": "Reuters",
    "Thomson Reuters": "Reuters",
    "UPI": "UPI",
    "dpa": "dpa",
    "DPA": "dpa",
    "EFE": "EFE",
    "ANSA": "ANSA",
    "TASS": "TASS",
    "Interfax": "Interfax",
    "Xinhua": "Xinhua",
    "Kyodo": "Kyodo",
    "Kyodo News": "Kyodo",
    "Yonhap": "Yonhap",
    "PTI": "PTI",
    "Bloomberg": "Bloomberg",
    "Bloomberg News": "Bloomberg",
    "PA Media": "PA Media",
    "Anadolu": "Anadolu",
    "Anadolu Agency": "Anadolu",
    "SPA": "SPA",
    "WAM": "WAM",
    "IRNA": "IRNA",
    "CNN": "CNN",
    "CNN Business": "CNN",
    "BBC": "BBC",
}
"""News agencies (and broadcasters that sign like one) as texts name them, and the name that an article gets."""

AGENCY_PATTERN = "(?:" + "|".join(sorted(map(re.escape, AGENCIES), key=len, reverse=True)) + ")"
# Who is named under a picture and not as the agency of the text.
_CREDIT = (
    rf"(?:{AGENCY_PATTERN}|Getty(?:\ Images)?|EPA(?:-EFE)?|Shutterstock|iStock(?:photo)?|Alamy|POOL|Pool|Handout|Sipa)"
)
_CAPTION = re.compile(
    rf"""(?:
        # (AFP), [Jane Doe/Reuters], (Jane Doe/Getty Images)
        [(\[] (?:[^()\[\]]{{0,80}}[/,|\s])?? {_CREDIT} (?:\ Photos?)? (?:[/,|][^()\[\]]{{0,80}})? [)\]] \.?
      | [(\[] (?:File\ )?(?:Photos?|Photographs?|Pictures?|Images?|Credit|Courtesy)\b [^()\[\]]{{0,80}} [)\]] \.?
        # JANE DOE / POOL/AFP
      | \b[\w.'’-]+ \ ?/\ ?(?:\w+\ ?/\ ?)? {_CREDIT}
        # ... on Monday. Getty Images
      | (?:[.!?][”"’')]*\ +|\|\ ?|\bvia\ ) (?:AP\ Photo|{_CREDIT})
        # ... on Monday. Courtesy Jane Doe    ... of the moon. NASA/JPL-Caltech
      | [.!?][”"’')]*\ +(?:Courtesy\ [^.!?]{{2,60}}|[A-Z][\w-]*(?:/[A-Z][\w-]*)+)
        # AP Photo/Jane Doe
      | \b(?:AP|AFP|REUTERS|Reuters|EPA|Getty\ Images)\ ?(?:Photo)?\ ?/\ ?[A-Z][\w.'’ -]{{1,50}}
      | \b(?:Photo|Photograph|Picture|Image|Credit|Photo\ credit)(?:\ by|:)\ [A-Z][^.!?]{{1,60}}
    )$""",
    re.VERBOSE,
)
# "the Associated Press (AP)" explains a name; it signs no picture.
_EXPLAINED = re.compile(r"(?:Press|France-Presse|Agency|Agentur)[”\"’']? \([A-Za-z]+\)\.?$")
_CAPTION_LENGTH = 800  # characters


def is_caption(line: str) -> bool:
    """Whether a line stands under a picture: it ends in the credit of a photographer or an agency.

    >>> is_caption("Mark Rutte speaks in Warsaw, on March 26, 2025. (AFP)"), is_caption("He spoke to AFP.")
    (True, False)
    """
    # Most prose ends in a full stop, and no credit does outside its brackets: a quick way out.
    if len(line) > _CAPTION_LENGTH or (
        line.endswith((".", "?", "!", '."', ".”", ",")) and not line.endswith((").", "]."))
    ):
        return False
    # The patterns read the end of a line only, so the end is all they get: they stay linear.
    tail = line[-240:]
    return _CAPTION.search(tail) is not None and _EXPLAINED.search(tail) is None
