"""The files of reports: fetched under guard, made harmless, kept sealed, handed out."""
