// Writes the files that the pages load, their licences and their sums: see scripts/vendor, which
// runs it where the packages are installed. The same packages give the same bytes.
//
// Usage: node build.js FOLDER

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// Files as their packages publish them: the package, its file, and the name here.
const COPIES = [
  ["htmx.org", "dist/htmx.min.js", "htmx.js"],
  ["uplot", "dist/uPlot.iife.min.js", "uplot.js"],
  ["uplot", "dist/uPlot.min.css", "uplot.css"],
];
// Style sheets that name fonts, which are taken with them.
const FONT_STYLES = [
  ["@fontsource-variable/atkinson-hyperlegible-next", "wght.css"],
  ["@fontsource-variable/atkinson-hyperlegible-next", "wght-italic.css"],
  ["@fontsource-variable/atkinson-hyperlegible-mono", "wght.css"],
];

const folder = process.argv[2];
const locked = JSON.parse(readFileSync("package-lock.json", "utf8")).packages;
const files = new Map(); // the names of the files that each package has a part in

function note(name, file) {
  files.set(name, (files.get(name) ?? new Set()).add(file));
}

function copyFiles() {
  for (const [name, source, file] of COPIES) {
    copyFileSync(join("node_modules", name, source), join(folder, file));
    note(name, file);
  }
}

function copyFonts() {
  const styles = FONT_STYLES.map(([name, file]) => {
    note(name, "fonts.css");
    const css = readFileSync(join("node_modules", name, file), "utf8");
    return css.trim().replace(/url\(\.\/files\/([^)]+)\)/g, (_, font) => {
      copyFileSync(join("node_modules", name, "files", font), join(folder, font));
      note(name, font);
      return `url(${font})`;
    });
  });
  writeFileSync(join(folder, "fonts.css"), `${styles.join("\n\n")}\n`);
}

async function bundleEditor() {
  const { metafile } = await build({
    entryPoints: ["editor.js"],
    outfile: join(folder, "editor.js"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  for (const source of Object.keys(output.inputs)) {
    const inPackage = source.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (inPackage) {
      note(inPackage[1], "editor.js");
    }
  }
}

// One line for each package: name, version, licence and files.
function packages() {
  return [...files.keys()].sort().map((name) => {
    const { version, license } = locked[`node_modules/${name}`];
    return { name, line: `${name} ${version} ${license}: ${[...files.get(name)].sort().join(" ")}` };
  });
}

function writeLicences() {
  const texts = packages().map(({ name, line }) => {
    const licence = readFileSync(join("node_modules", name, "LICENSE"), "utf8");
    return `== ${line}\n\n${licence.trim()}\n`;
  });
  writeFileSync(join(folder, "LICENCES.txt"), texts.join("\n\n"));
}

function writeSums() {
  const sources = packages().map(({ line }) => `# ${line}\n`);
  const sums = readdirSync(folder).sort().map((file) => {
    const sum = createHash("sha256").update(readFileSync(join(folder, file))).digest("hex");
    return `${sum}  ${file}\n`;
  });
  writeFileSync(join(folder, "SUMS"), [...sources, ...sums].join(""));
}

mkdirSync(folder);
copyFiles();
copyFonts();
await bundleEditor();
writeLicences();
writeSums();
