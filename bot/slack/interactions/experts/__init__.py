"""A person instead: experts who are asked, who correct what was answered, and who are asked again later."""
