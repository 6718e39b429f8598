"""One file per change of the tables; none is changed once it is released."""
