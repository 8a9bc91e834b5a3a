"""Nim: piles for the terminal, the XOR rule, probes."""
