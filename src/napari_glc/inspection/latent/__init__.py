"""Latents: channels, positions, attention."""
