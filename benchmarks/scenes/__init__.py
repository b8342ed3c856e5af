"""Videos in which faces vanish, come back, change and cross, composed of clips with landmarks."""
