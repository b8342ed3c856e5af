"""Pages to look at: one HTML file each, which works offline and without a server."""
