"""The orders of words in which people wish not to be known, or to be known again.

A line is ``[conditions:] KIND [~]GAP KIND ... [END]``: kinds of words (``normalizer.wish_words``;
``|`` is "or") with at most so many other words between, after ``~`` only courteous ones.
``END``: only courtesy follows in the clause. Conditions: ``START``: only courtesy stands before;
``MINE``: the writer speaks of themselves; ``ASKED``: something is asked for; ``<2KIND``: not within
two words before (else four); ``>KIND``: not right after; ``=KIND``: not between.
"""

from typing import NamedTuple

FAR = 4
"""Words before a wish in which it is said whose it is."""


class Rule(NamedTuple):
    """Kinds in their order, and what must hold beside."""

    steps: tuple[tuple[int, bool, frozenset[str]], ...]
    """How many words may stand before, whether only courteous ones, and the kinds that may come."""
    ends: bool
    """Nothing but courtesy follows in the clause."""
    starts: bool
    """Nothing but courtesy stands before it in the clause."""
    mine: bool
    """The writer speaks of themselves."""
    asks: bool
    """Something is asked for, in it or just before."""
    not_before: tuple[tuple[str, int], ...]
    """Kinds that may not stand so many words before."""
    not_after: frozenset[str]
    not_within: frozenset[str]


def _rule(text: str) -> Rule:
    """Read one line of a table: ``[conditions:] KIND [~]GAP KIND ... [END]``."""
    conditions, _, said = text.rpartition(":")
    marks = conditions.split()
    words = said.split()
    ends = words[-1] == "END"
    words = words[:-1] if ends else words
    steps, gap, courteous = [], 0, False
    for word in words:
        if word.lstrip("~").isdigit():
            gap, courteous = int(word.lstrip("~")), word.startswith("~")
        else:
            steps.append((gap, courteous, frozenset(word.split("|"))))
            gap, courteous = 0, False
    by_sign = {sign: [m[1:] for m in marks if m.startswith(sign)] for sign in "<>="}
    before = tuple(
        (m.strip("0123456789"), int(m[0]) if m[0].isdigit() else FAR) for m in by_sign["<"]
    )
    return Rule(
        tuple(steps), ends, "START" in marks, "MINE" in marks, "ASKED" in marks, before,
        *(frozenset(by_sign[sign]) for sign in ">="),
    )  # fmt: skip


def _rules(table: str) -> tuple[Rule, ...]:
    return tuple(_rule(line) for line in table.strip().splitlines())


ANONYMOUS = _rules("""
<QUOTE: OWN 3 DONT 2 SAY|GIVE
<QUOTE >FOR: OWN 3 WONT 2 SAY|GIVE
ASKED <QUOTE >FOR: OWN 3 NO 0 SAY|GIVE END
ASKED <QUOTE: OWN 3 NO 0 SAY|GIVE 0 TO
MINE <QUOTE >FOR: WONT 0 OWN 1 SAY|GIVE|PUBLISH|CAUGHT
JANGAN 0 OWN END
MINE <QUOTE: OWN 2 CUKUP 2 KNOWN
<QUOTE <NO: KNOWN 0 ME 1 REPORTS
MINE <QUOTE: ME ~1 NO 1 SAY|GIVE 0 NAME END
MINE <QUOTE: WONT 2 SAY|GIVE 1 NAME 0 REAL
<QUOTE: WONT 1 KNOWN 2 WHO|OWN|NAME
<QUOTE: DONT 1 TELL 3 DARI
<QUOTE: JANGAN 0 LET 4 CAUGHT
ASKED: WHO 4 NO 1 CAUGHT
ASKED <QUOTE >FOR: NAME ~2 NO 0 SAY END
<QUOTE >FOR: OWN 3 HIDE
<QUOTE: OWN 3 COVER END
<QUOTE: DONT 2 SAY|GIVE 3 OWN
MINE <QUOTE: WONT|WITHOUT 2 SAY|GIVE 3 OWN
<QUOTE: DONT 2 SAY 1 NAME END
MINE <QUOTE: WONT|WITHOUT 2 SAY|GIVE 1 NAME END
<QUOTE <THIRD: REPORTS 4 WITHOUT 1 SAY 1 NAME|OWN
<QUOTE: DONT|WONT 2 SAY 4 DARI ~1 ME
<QUOTE: DONT|WONT 2 SAY 6 ME 1 REPORTS
<QUOTE <THIRD >GUILTY: DONT 2 SAY 3 WHO
MINE <QUOTE >GUILTY: WONT 2 SAY 3 WHO
<QUOTE: DONT 1 SAY 1 ME END
<QUOTE: DONT 1 TELL 0 TO 2 HIM END
<QUOTE: DONT 0 TELL END
<QUOTE <3NEG: HIDING|COVER|KEEP 2 OWN 2 HIDE|COVER
<QUOTE <3NEG >FOR: HIDING 2 OWN
<QUOTE <3NEG: HIDING 1 NAME END
<QUOTE <3NEG: HIDE|COVER 1 OWN END
<QUOTE <3NEG: HIDE 1 OWN
<QUOTE <THING: NAME ~2 HIDE END
ASKED <QUOTE: NAME ~2 HIDE
<QUOTE: NAME ~3 DONT|WONT 1 SAY|GIVE|PUBLISH END
<QUOTE: NAME ~2 DONT 0 SAY|GIVE
OWN 3 NOTUNTIL 2 PUBLISH|SAY|CAUGHT|KNOWN
MINE <QUOTE: ME 0 DONT|WONT 0 SAY END
START: ADVERB
ASKED <QUOTE: KEEP 0 SECRET 1 ME
MINE =NO =CROWD: FEAR 3 KNOWN
=NO =CROWD <QUOTE <THIRD: NOTUNTIL 3 KNOWN
MINE <QUOTE >CROWD: WONT 1 CAUGHT
MINE <QUOTE >CROWD: BIAR ~1 NO|DONT 1 CAUGHT
ASKED <THIRD <QUOTE >CROWD: NO|DONT ~1 CAUGHT END
<QUOTE: DONT 0 CAUGHT
MINE <QUOTE: DONT|WONT 2 SOMEONE 2 KNOWN
<QUOTE >WHO: NOBODY 3 KNOWN
START <QUOTE: CUKUP 3 KNOWN END
<QUOTE <GIFT: HAMBA
<THING <QUOTE <THIRD: NONAME 0 AFTER END
<QUOTE: REPORTS 3 NONAME
<THIRD <QUOTE: PLEAD ~2 NONAME
<QUOTE: WITHOUT 1 OWN
<QUOTE <3NEG <THIRD >VERB: WANT ~4 ANON
<QUOTE <3NEG <3CANCEL >VERB: PLEAD ~4 ANON
START <3NEG <3CANCEL: ANON END
<THING <1NEG <1CANCEL <QUOTE <THIRD: ANON 0 AFTER END
<3NEG <QUOTE <THIRD >VERB: REPORTS 1 ANON END
<QUOTE: THISONE ~2 ANON END
""")
CONFIDENTIAL = _rules("""
<QUOTE <3NEG: THISONE ~4 HIDDEN END
ASKED <QUOTE <3NEG: THISONE ~4 HIDDEN
<QUOTE: THISONE ~4 DONT|WONT 1 PUBLISH
ASKED <QUOTE: THISONE ~4 NO 1 PUBLISH
ASKED <QUOTE: THISONE 8 NO 0 PUBLISH
=CUKUP <QUOTE: JANGAN 3 MEDIA
=CUKUP <QUOTE: DONT 1 GIVE|PUBLISH 2 MEDIA
=CUKUP <QUOTE: JANGAN 1 PUBLISH 2 PUBLIC
ASKED <QUOTE: NO 1 PUBLISH 1 PUBLIC
<QUOTE: BUKAN 0 FORONLY 1 PUBLIC
<QUOTE: PUBLIC 0 JANGAN END
<QUOTE: THISONE 2 CUKUP 1 FORONLY 1 OFFICIAL
<QUOTE: CUKUP 0 OFFICIAL 1 FORONLY END
ASKED <QUOTE: CUKUP 0 OFFICIAL 2 FORONLY
START <3NEG <1INI: BARE END
NOTUNTIL 2 THISONE 2 PUBLISH
<QUOTE <3NEG: HIDING|KEEP 1 THISONE
ASKED <QUOTE: NO 0 PUBLISH END
<QUOTE: DONT 0 PUBLISH END
<QUOTE: DONT 0 PUBLISH 1 THISONE
<QUOTE: KEEP 1 INI|THISONE 1 HIDE
<QUOTE <3NEG: THISONE ~2 SECRET END
""")
BOTH = _rules("""
<QUOTE <3NEG: HIDEIT END
<QUOTE <3NEG: PLEAD ~3 HIDING END
START <QUOTE <3NEG: HIDING END
<3NEG <QUOTE <THIRD: PLEAD ~3 SECRET END
<QUOTE: PLEAD ~3 KEPT
START <3NEG: INI ~1 SECRET END
<QUOTE <3NEG: KEEP 1 SECRET END
<QUOTE: OFF
""")
OPENED = _rules("""
<DONT <WONT <NO <THIRD >FOR: OPEN ~2 OWN
<DONT <WONT <NO: MAY 1 OPEN|SAY 2 OWN
OWN 1 MAY 1 OPEN|SAY
MAY 1 OWN 1 OPEN|SAY
NEG 3 HIDE|HIDING|HIDES 1 OWN
OWN ~3 NEG 2 HIDE|HIDING|HIDES
CANCEL|OPEN 2 NAME 0 REAL
<DONT <WONT <NO <THIRD: OWN ~1 OPEN ~3 MAY
OWN 0 OPEN END
START: UNCOVER 0 NAME END
START: UNCOVER 0 THISONE END
START: OPEN 1 ANON|SECRET END
NEG ~4 ANON|SECRET
CANCEL ~1 ANON|SECRET
ANON|SECRET ~1 CANCEL|NEG END
""")
