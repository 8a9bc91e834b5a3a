"""What people see: text tables, progress bars, a game in the terminal."""
