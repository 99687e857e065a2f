"""Ways of learning from what people said."""
