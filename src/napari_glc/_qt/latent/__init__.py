"""Latent patches."""
