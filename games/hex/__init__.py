"""Hex: its half turn, the board for the terminal, probes."""
