"""A message becomes, joins or changes a report; what people do with reports."""
