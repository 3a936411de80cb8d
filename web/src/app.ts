// What every page loads. Pages work without it; each part only adds to what is there.
import { Copy } from "./copy.ts";
import { Live } from "./live.ts";
import { Order } from "./order.ts";
import { Theme } from "./theme.ts";
import { localise } from "./times.ts";

customElements.define("pk-copy", Copy);
customElements.define("pk-order", Order);
customElements.define("pk-live", Live);
customElements.define("pk-theme", Theme);
localise(document);


// The editor is large and only few pages have one.
if (document.querySelector("pk-editor")) void import("./editor.ts");
