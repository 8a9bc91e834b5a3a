"""Clobber: its fights, the board for the terminal, probes."""
