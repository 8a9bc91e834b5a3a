"""Pig: rendering, and perfect play by value iteration."""
