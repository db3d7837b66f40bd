// Reads texts as Node's dotenv does: a JSON array of texts on standard input, one of what each holds on standard output.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { parse } = createRequire(import.meta.url)(process.argv[2]);
const texts = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(texts.map((text) => parse(text))));
