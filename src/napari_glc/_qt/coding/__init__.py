"""Encode and decode."""
