// The one script of a page that embeds the form: <script type="module" src=".../support-form.js"></script>

import { SupportForm } from "./assets/element.js";

if (!customElements.get("support-form")) customElements.define("support-form", SupportForm);
