"""The web form: what a browser submits (`submission`), who may read the answer (`tokens`), and the page itself
(`form_page`, with its files in `page/`)."""
