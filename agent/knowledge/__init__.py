"""The knowledge base's documents: files to articles, articles to chunks. Storing and searching them is in `crm`.

Start with `articles`, then `chunking`; `markup` takes out what only a web page needs.
"""
