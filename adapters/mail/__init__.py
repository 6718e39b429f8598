"""E-mail, by the shell's SMTP and LMTP server in and an SMTP relay out.

channel     the channel: settings, reading in a guarded way, sending
message     one raw mail -> the inbound message, or the receipts of a bounce
tree        raw bytes -> parts, within limits that hold against hostile mail
part        one part: its headers and where its body lies
budget      what reading one mail may cost, and what was noted
notes       the codes of what was guessed, repaired or left out
header_block  the lines of the headers, also damaged ones
transfer    base64, quoted-printable and the others, as stated and as they are
kinds       content types, as stated and as they are
containers  what words and files are packed in: cms, tnef, packed
cms         S/MIME that is signed as a whole -> its content
tnef        winmail.dat -> text and files
rtf         rich text -> text
rich        enriched text and calendars -> text
packed      uuencode, yEnc and PGP signatures in plain text
dates       the Date header with its zone
charset     bytes with a true, false or missing label -> text
headers     encoded words, addresses, ids, dates, parameters
html        HTML -> text
quotes      a reply without what it quotes
body        parts -> the writer's text and the files
files       safe names and sniffed types
recipients  our own address and the tracking number in it
proof       is the sender who From says
automatic   is this a citizen's writing, or a machine's
bounce      delivery status notifications -> receipts
compose     our own mail
"""

from adapters.mail.channel import CHANNEL as CHANNEL
