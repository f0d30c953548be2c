"""The web form: what a browser submits (`submission`), who may read the answer (`tokens`), and what a browser gets
(`form_page`): the `<support-form>` element in `element/`, its texts in `texts/`, and the page at `/` in `page/`."""
