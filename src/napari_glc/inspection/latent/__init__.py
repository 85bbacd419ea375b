"""A codec's latent: its channels as maps, what a position holds, and what attention sees from there."""
