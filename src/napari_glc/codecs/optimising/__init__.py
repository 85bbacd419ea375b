"""What encoders that optimise have in common: what is better, what a bit is worth, how far a picture is off."""
