// `npm run pack`: installable tarballs of the published packages, in `dist/` or the folder that is named.
import { join, relative, resolve } from "node:path";
import { packPackages } from "./pack-packages.ts";

const destination = resolve(process.argv[2] ?? join(import.meta.dirname, "../../dist"));
for (const tarball of packPackages(destination)) console.log(relative(process.cwd(), tarball));
