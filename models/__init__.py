"""Machine-learning models: embedders, sentiment, language models and their evaluation. Only here is torch imported."""
