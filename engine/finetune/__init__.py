"""Fine-tuning: a method says what to learn from, the learner how."""
