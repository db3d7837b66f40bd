// Holds grafana/ (or a folder like it) against Grafana's published types: `node validate.mjs NODE_MODULES FOLDER`.
// Says every difference and ends with 1 when there is one.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [modules, folder] = process.argv.slice(2);
const load = createRequire(resolve(modules, "anchor.js"));
const { createFormatter, createParser, SchemaGenerator } = load("ts-json-schema-generator");
const { default: Ajv } = load("ajv");
const typescript = load("typescript");
const yaml = load("yaml");

const types = join(dirname(fileURLToPath(import.meta.url)), "schema.ts");
const program = typescript.createProgram([types], {
  target: typescript.ScriptTarget.ES2022,
  module: typescript.ModuleKind.ESNext,
  moduleResolution: typescript.ModuleResolutionKind.Bundler,
  strict: true,
  noEmit: true,
  types: [],
  // schema.ts lies elsewhere than the modules.
  paths: { "@grafana/schema/*": [resolve(modules, "@grafana/schema/*")] },
});
const mistakes = typescript.getPreEmitDiagnostics(program);
if (mistakes.length > 0) {
  console.error(typescript.formatDiagnostics(mistakes, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => folder, getNewLine: () => "\n" }));
  process.exit(1);
}

let differences = 0;

// A panel is held against every kind of panel: what the other kinds have against it says nothing.
function ofItsKind(errors) {
  const branch = ({ instancePath, schemaPath }) =>
    instancePath.match(/^\/panels\/\d+/)?.[0] + schemaPath.match(/^.*?\/anyOf\/\d+\//)?.[0];
  const others = new Set(errors.filter(({ instancePath }) => /^\/panels\/\d+\/type$/.test(instancePath)).map(branch));
  return errors.filter((error) => !others.has(branch(error)));
}

// Every file of a folder, read by `parse`, against the type of this name.
function check(files, type, parse) {
  const settings = { type, additionalProperties: false, expose: "none", jsDoc: "none", topRef: true };
  const generator = new SchemaGenerator(program, createParser(program, settings), createFormatter(settings), settings);
  const validate = new Ajv({ allErrors: true, strict: false }).compile(generator.createSchema(type));
  for (const name of readdirSync(join(folder, files))) {
    if (!validate(parse(readFileSync(join(folder, files, name), "utf8")))) {
      for (const { instancePath, message, params } of ofItsKind(validate.errors)) {
        console.error(`${files}/${name}${instancePath} ${message} ${JSON.stringify(params)}`);
        differences += 1;
      }
    }
  }
}

check("dashboards", "DashboardFile", JSON.parse);
check("provisioning/dashboards", "DashboardProviders", yaml.parse);
check("provisioning/datasources", "DataSources", yaml.parse);
process.exit(differences > 0 ? 1 : 0);
