// The page of an exported copy: answers come from scripts beside it.

import { openApp } from "./app.js";
import { StaticSource } from "./source_static.js";
import { addressState } from "./state.js";

openApp(new StaticSource(globalThis.ontogenyIndex), addressState(), document.getElementById("app"));
