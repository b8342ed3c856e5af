"""Training an SRN: faces in memory, batched augmentation, the loop."""
