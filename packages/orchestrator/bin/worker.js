// What the executor starts; see src/worker/main.ts.
import { useCompileCache } from "./compile-cache.js";

useCompileCache();
await import("../src/worker/main.ts");
