"""Backgammon: the board for the terminal."""
