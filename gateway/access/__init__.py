"""Who may: passwords of accounts, owners of reports, agencies that are accused, machines."""
