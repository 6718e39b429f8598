"""What people and programs open over HTTP: citizens, operators, agencies and partners."""
