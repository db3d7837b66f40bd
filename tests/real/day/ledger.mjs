// What the figures must come to: one entry for each series, kept in a file between the phases of a day.
import { readFileSync, writeFileSync, existsSync } from 'node:fs';

const escape = (value) => String(value).replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

const series = (name, labels) => {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escape(value)}"`);
  return pairs.length ? `${name}{${pairs.join(',')}}` : name;
};

/** Expected values by series, and the ids that later phases go on with. */
export class Ledger {
  constructor(file) {
    this.file = file;
    const saved = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { values: {}, ids: {} };
    this.values = saved.values;
    this.ids = saved.ids;
  }

  /** Adds to a series. A series that was never added to is not checked. */
  add(name, amount = 1, labels = {}) {
    const key = series(name, labels);
    this.values[key] = (this.values[key] ?? 0) + amount;
  }

  /** Forgets all series of these names: for counters, when the exporter starts. */
  forget(prefixes) {
    for (const key of Object.keys(this.values)) {
      if (prefixes.some((prefix) => key.startsWith(prefix))) delete this.values[key];
    }
  }

  save() {
    writeFileSync(this.file, JSON.stringify({ values: this.values, ids: this.ids }));
  }

  /** In the text format, a line for each series. */
  text() {
    // Sums of money carry the noise of their additions.
    return Object.entries(this.values).map(([key, value]) => `${key} ${value}\n`).join('');
  }
}
