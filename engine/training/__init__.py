"""Whole training runs: imitation of a teacher, and self-play fine-tuning."""
