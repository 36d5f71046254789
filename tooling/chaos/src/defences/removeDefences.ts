// Loaded before an app (`node --import`): its modules are loaded with the defences of CHAOS_WITHOUT taken out. The apps
// themselves have no such switch.
import { register } from "node:module";

register("./sourceLoader.js", import.meta.url);
