// LibreChat's own models and methods, from the package that LibreChat itself runs, on the database of a test.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Connects; `modules` is the folder `node_modules` that holds `@librechat/data-schemas`. */
export async function connect(modules, uri) {
  const require = createRequire(pathToFileURL(join(modules, 'none.js')));
  const mongoose = require('mongoose');
  // The package logs to the console and to a folder of logs; neither is wanted.
  process.env.LIBRECHAT_LOG_DIR ??= join(process.env.TMPDIR ?? '/tmp', 'librechat-logs');
  const schemas = require('@librechat/data-schemas');
  schemas.logger.silent = true;
  for (const transport of schemas.logger.transports) transport.silent = true;
  const models = schemas.createModels(mongoose);
  const methods = schemas.createMethods(mongoose, {
    // LibreChat's server passes these in: the name of a model by its beginning, here the longest key that it contains.
    matchModelName: (model) => model,
    findMatchingPattern: (model, values) =>
      Object.keys(values).filter((key) => model.toLowerCase().includes(key)).sort((a, b) => b.length - a.length)[0],
    removeAllPermissions: async () => {},
    getCache: () => ({ get: async () => undefined, set: async () => {}, delete: async () => {} }),
  });
  await mongoose.connect(uri);
  for (const model of Object.values(models)) await model.createCollection();
  return { mongoose, schemas, models, methods };
}

/**
 * Moves everything that was written so far into the past, as if it had been written then: dates, and the times in ids.
 * A document whose `_id` is younger than its `createdAt` would be a copy.
 */
export async function age(mongoose, milliseconds) {
  const earlier = (id) => {
    const hex = id.toHexString();
    const seconds = parseInt(hex.slice(0, 8), 16) - Math.round(milliseconds / 1000);
    return new mongoose.mongo.ObjectId(seconds.toString(16).padStart(8, '0') + hex.slice(8));
  };
  for (const name of ['messages', 'conversations', 'transactions']) {
    const collection = mongoose.connection.collection(name);
    for (const document of await collection.find().toArray()) {
      const moved = { ...document, _id: earlier(document._id) };
      for (const field of ['createdAt', 'updatedAt']) {
        if (moved[field]) moved[field] = new Date(moved[field].getTime() - milliseconds);
      }
      await collection.deleteOne({ _id: document._id });
      await collection.insertOne(moved);
    }
  }
}
