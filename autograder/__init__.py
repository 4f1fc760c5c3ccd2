"""An autograder for mathematical machine-learning courses."""
