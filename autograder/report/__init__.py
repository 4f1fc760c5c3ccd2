"""Reports: pure functions of what grading ends with, one module per format."""
