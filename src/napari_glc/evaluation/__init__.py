"""Measuring folders of pictures: rate and quality, and what is left of pictures that lost indices."""
