"""Rate exploration: steps of quality, rate-distortion curves, maps of bits and errors."""
