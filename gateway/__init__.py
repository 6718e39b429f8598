"""The shell: owns every socket, table, queue and clock, cut by what happens to a message."""
