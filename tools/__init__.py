"""What the model may do, one file per tool; also the extractive answerer, which needs search."""
