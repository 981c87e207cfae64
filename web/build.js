// Builds the page into the Python package: names with a hash of the content, so that they can be cached for ever.
// `node build.js --check` builds beside it and says whether what is committed is up to date.
import { createHash } from "node:crypto";
import { mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TARGET = here("../src/headwater/server/page/static");
const BUNDLED = ["marked", "dompurify", "highlight.js", "katex"];

async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "assets"), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: here("."),
    entryPoints: ["src/page.js", "src/growing.js", "src/page.css"],
    outdir: join(folder, "assets"),
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: ["chrome123", "firefox121", "safari17.5"],
    metafile: true,
    legalComments: "none", // the licences are in licences.txt
    logLevel: "warning",
  });
  let page = readFileSync(here("src/index.html"), "utf8");
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint?.startsWith("src/page.")) page = page.replace(`assets/${basename(entryPoint)}`, `assets/${basename(path)}`);
  }
  const icon = readFileSync(here("src/icon.svg"));
  const iconName = `icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8).toUpperCase()}.svg`;
  writeFileSync(join(folder, "assets", iconName), icon);
  writeFileSync(join(folder, "index.html"), page.replace("assets/icon.svg", `assets/${iconName}`));
  writeFileSync(join(folder, "headwater.js"), readFileSync(here("src/headwater.js")));
  writeFileSync(join(folder, "licences.txt"), licences());
}

function licences() {
  return BUNDLED.map((name) => {
    const folder = here(`node_modules/${name}`);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  }).join(`\n${"-".repeat(72)}\n\n`);
}

function contents(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length)).sort();
  return JSON.stringify(paths.map((path) => [path, createHash("sha256").update(readFileSync(join(folder, path))).digest("hex")]));
}

if (process.argv.includes("--check")) {
  const folder = mkdtempSync(join(tmpdir(), "page-"));
  await buildInto(folder);
  const isCurrent = contents(folder) === contents(TARGET);
  rmSync(folder, { recursive: true });
  if (!isCurrent) {
    console.error("The built page is not what web/src gives: run `npm ci && npm run build` in web/ and commit.");
    process.exit(1);
  }
  console.log("The built page is up to date.");
} else {
  await buildInto(TARGET);
}
