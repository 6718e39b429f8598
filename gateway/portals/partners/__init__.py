"""Routes that channels bring along, served and counted for programs of partners."""
