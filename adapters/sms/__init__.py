"""What the channels of text messages share: alphabets, parts, phone numbers, repeats.

It is no channel itself.
"""
