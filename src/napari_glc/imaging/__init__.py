"""Arrays to planes and back. Knows nothing of codecs."""
