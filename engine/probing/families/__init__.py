"""Families that serve several games; a room names the game and its settings."""
