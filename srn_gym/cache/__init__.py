"""What games keep in memory so that nothing is computed twice."""
