"""How well landmarks fit the clips of a data spec."""
