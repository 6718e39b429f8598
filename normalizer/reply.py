"""What a reply to a mail of ours brings along of it."""

MARKER = "--- Balas di atas garis ini ---"
"""The first line of every mail we send: what stands below it, unquoted, is taken for ours."""


def without_ours(whole: str) -> str:
    """Return a reply without our own letter: what agencies read of it, and may be accused by.

    Below an unquoted letter of ours there may be an answer, which operators alone see.
    """
    kept: list[str] = []
    quoting = False
    for line in whole.split("\n"):
        quoted = line.lstrip().startswith(">")
        if line.lstrip("> \t").startswith(MARKER):
            if not quoted:
                break
            _drop_attribution(kept)
            quoting = True
        quoting = quoting and quoted
        if not quoting:
            kept.append(line)
    return "\n".join(kept).strip()


def _drop_attribution(kept: list[str]) -> None:
    """Drop the line "... wrote:" above a letter of ours; programs break it into up to three."""
    end = len(kept)
    while end and not kept[end - 1].strip():
        end -= 1
    begin = end
    while begin and kept[begin - 1].strip() and end - begin < 3:
        begin -= 1
    if end and kept[end - 1].rstrip().endswith(":"):
        del kept[begin if begin == 0 or not kept[begin - 1].strip() else end - 1 :]
