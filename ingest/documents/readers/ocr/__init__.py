"""Text recognition in scans and pictures, where the extra ``ocr`` is installed."""
