"""Rooms of single games: what is special to one game, found by its OpenSpiel short name."""
