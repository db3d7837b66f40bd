// A certified OpenID provider (npm oidc-provider) that gives JWT access tokens by client credentials.
//
//     node issuer.mjs FOLDER-OF-NODE_MODULES PORT FILE-OF-KEYS
//
// The keys are made and written when their file does not exist, so that a restart keeps them and removing the file
// rotates them. Which resource a token is for decides how it is signed and whom it is for (RFC 8707).

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, port, file] = process.argv.slice(2);
const library = join(modules, 'oidc-provider', 'lib', 'index.js');
const { default: Provider } = await import(pathToFileURL(library).href);

const RESOURCES = {
  'https://rs256.example': { audience: 'librechat-exporter', alg: 'RS256' },
  'https://es256.example': { audience: 'librechat-exporter', alg: 'ES256' },
  'https://other.example': { audience: 'somebody-else', alg: 'RS256' },
};

function makeKeys() {
  const key = (type, options, alg) => {
    const { privateKey } = generateKeyPairSync(type, options);
    return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
  };
  return [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')];
}

if (!existsSync(file)) writeFileSync(file, JSON.stringify(makeKeys()));
const keys = JSON.parse(readFileSync(file, 'utf8'));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys },
  clients: [{
    client_id: 'prometheus',
    client_secret: 'secret-of-the-client-of-the-test',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  }],
  scopes: ['metrics:read', 'metrics:write'],
  // Below the 10 s before the end at which Go's oauth2 asks for another: each scrape has a token of its own.
  ttl: { ClientCredentials: 8 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, resource) => {
        const { audience, alg } = RESOURCES[resource];
        return { audience, scope: 'metrics:read metrics:write', accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
      },
    },
  },
});

provider.listen(Number(port), '127.0.0.1');
