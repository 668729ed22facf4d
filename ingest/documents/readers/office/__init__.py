"""Office files: Word, PowerPoint, spreadsheets, OpenDocument."""
