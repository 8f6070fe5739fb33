// The page of the server.

import { openApp } from "./app.js";
import { ServerSource } from "./source.js";
import { addressState } from "./state.js";

openApp(new ServerSource(), addressState(), document.getElementById("app"));
