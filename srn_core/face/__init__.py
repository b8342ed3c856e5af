"""Faces as points and boxes: landmark schemes, coordinates, mean shapes, errors, drawing."""
