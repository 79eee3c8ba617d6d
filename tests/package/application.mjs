// An application in an empty folder outside of the clone, which has installed the package.

import assert from "node:assert/strict";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { here, node, run, runWithoutWarnings } from "./command.mjs";

const STRICT = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, target: "es2022" };
/** As a bundler resolves imports, and as Node does. */
const RESOLUTIONS = {
  bundler: { module: "esnext", moduleResolution: "bundler" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
};
/** The surroundings of the package, in a page and in Node. */
const SURROUNDINGS = {
  page: { lib: ["es2022", "dom"], types: [] },
  node: { lib: ["es2022"], types: ["node"] },
};
/** npm's names for these versions of the compiler. */
const COMPILERS = ["typescript", "typescript-5"];
/** The bytes, gzipped, of a bundle that only sends: the module's, as clients/js/README.md says, and the example's. */
const SENDER = 2_000 + 200;

export class Application {
  constructor(folder) {
    this.folder = folder;
    this.package = join(folder, "node_modules/tidings");
  }

  path(name) {
    return join(this.folder, name);
  }

  async write(name, text) {
    await writeFile(this.path(name), text);
    return name;
  }

  /** Installs what an application has anyway, from a locked list. */
  async prepare() {
    for (const name of ["package.json", "package-lock.json"]) await copyFile(here(`application/${name}`), this.path(name));
    await run("npm", ["ci", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: this.folder });
  }

  /** It needs nothing from anywhere else. */
  async install(tarball) {
    await run("npm", ["install", "--no-save", "--offline", "--no-audit", "--no-fund", tarball], { cwd: this.folder });
  }

  async #tool(path, ...words) {
    return run(node(22), [this.path(`node_modules/${path}`), ...words], { cwd: this.folder });
  }

  /** Has each compiler look at each of these files, `{page: […], node: […]}`, each way. */
  async compile(files) {
    const settings = [];
    for (const [resolution, how] of Object.entries(RESOLUTIONS)) {
      for (const [where, what] of Object.entries(SURROUNDINGS)) {
        const compilerOptions = { ...STRICT, ...how, ...what };
        settings.push(await this.write(`${resolution}-${where}.json`, JSON.stringify({ compilerOptions, files: files[where] })));
      }
    }
    await Promise.all(COMPILERS.map(async (compiler) => {
      const { bin } = JSON.parse(await readFile(this.path(`node_modules/${compiler}/package.json`), "utf8"));
      for (const each of settings) await this.#tool(`${compiler}/${bin.tsc}`, "--project", each);
    }));
  }

  /** Bundles a file for browsers with each bundler, both of which complain of nothing. Returns the names. */
  async bundle(name, sends) {
    const [by, and] = [`esbuild-${name}`, `rollup-${name}`];
    const words = ["--bundle", "--minify", "--format=esm", "--platform=browser", "--log-level=warning", `--outfile=${by}`];
    await runWithoutWarnings(this.path("node_modules/.bin/esbuild"), [name, ...words], { cwd: this.folder });
    await this.#tool("rollup/dist/bin/rollup", name, "--plugin", "node-resolve", "--failAfterWarnings", "--silent", "--file", and);
    if (sends) await this.#hasNoListener(by);
    return [by, and];
  }

  async #hasNoListener(name) {
    const { length } = gzipSync(await readFile(this.path(name)), { level: 9 });
    assert.ok(length <= SENDER, `${name}: what only sends takes ${length} bytes gzipped`);
  }
}
