"""From a report to its assignment, pure: topic, place, competence, confidence, reasons."""
