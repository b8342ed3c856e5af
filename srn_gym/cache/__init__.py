"""What a game keeps in memory: crops and answers of a limited number of clips."""
