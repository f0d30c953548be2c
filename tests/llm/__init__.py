"""The pipeline with a real small language model behind llama.cpp: `make test-llm`."""
