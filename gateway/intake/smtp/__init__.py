"""The mail door: an SMTP server and an LMTP socket that hand over each message once it is whole.

A message gets its 250 only after ``Take`` has returned, which it does after the durable commit.
Everything else is a refusal in SMTP's own words: 4xx lets the sender's server keep the message
and try again, 5xx makes it tell the sender. The dialogue is aiosmtpd's; what it leaves open (caps,
endless lines, peers that never read, replies per recipient) is closed here.

Sources: RFC 5321 (SMTP), 2033 (LMTP), 2920 (PIPELINING), 3207 (STARTTLS), 3463 (codes),
6531 (SMTPUTF8).
"""
