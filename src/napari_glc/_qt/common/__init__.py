"""What the five widgets share: one frame, one way of running jobs, choices of layers and devices."""
