"""What a mobile operator's text message looks like inside: alphabets, parts, receipts, sessions."""
