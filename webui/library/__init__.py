"""What lies on disk: model files, read by their headers alone, without torch."""
