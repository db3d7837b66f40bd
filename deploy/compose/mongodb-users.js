// Run once by the image of MongoDB, in mongosh, on an empty database: a user that writes for LibreChat, and a guest that
// reads for the exporter (docs/mongodb.md). The passwords are hexadecimal, so they need no escaping in a connection string.
const fs = require('fs');
const password = (name) => fs.readFileSync(`/run/secrets/${name}`, 'utf8').trim();
const admin = db.getSiblingDB('admin');

admin.createUser({
  user: 'librechat',
  pwd: password('mongo_librechat_password'),
  roles: [{ role: 'readWrite', db: 'LibreChat' }],
});
admin.createUser({
  user: 'exporter',
  pwd: password('mongo_exporter_password'),
  roles: [{ role: 'read', db: 'LibreChat' }],
});
