"""E-mail, by the shell's SMTP and LMTP server in and an SMTP relay out.

channel     the channel: settings, reading in a guarded way, sending
message     one raw mail -> the inbound message, or the receipts of a bounce
tree        raw bytes -> parts, within limits that hold against hostile mail
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
