"""Rules where a rule is the meaning: ``conditions`` of rows and items, ``validity`` of pages."""
