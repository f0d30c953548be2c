"""The knowledge base's documents: files to articles, articles to chunks. What is found of them, `crm` searches.

Start with `articles`, then `chunking`; `markup` takes out what only a web page needs.
"""
