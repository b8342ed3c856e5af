"""Fine-tuning a tracker on what a policy covers."""
