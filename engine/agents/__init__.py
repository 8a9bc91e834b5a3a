"""Agents: whatever plays. Start with `agent.py`."""
