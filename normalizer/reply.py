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
            quoting = True
        quoting = quoting and quoted
        if not quoting:
            kept.append(line)
    return "\n".join(kept).strip()
