"""Go: the board for the terminal."""
